"""The marketplace's API: /api/v1/ on the marketplace host."""

from django.urls import path

from tenants.api import auth, marketplace, money, reconciliation

urlpatterns = [
    path("signup", marketplace.SignUpView.as_view()),
    path("auth/token", auth.TokenView.as_view()),
    path("auth/refresh", auth.RefreshView.as_view()),
    path("auth/logout", auth.LogoutView.as_view()),
    path("auth/confirm", auth.ConfirmView.as_view()),
    path("auth/password", auth.PasswordView.as_view()),
    path("auth/password/reset", auth.PasswordResetView.as_view()),
    path("operator/tenants", marketplace.OperatorTenantListView.as_view()),
    path("operator/tenants/<uuid:tenant_id>", marketplace.OperatorTenantView.as_view()),
    path("operator/tenants/<uuid:tenant_id>/suspend", marketplace.OperatorTenantSuspendView.as_view()),
    path("operator/tenants/<uuid:tenant_id>/reactivate", marketplace.OperatorTenantReactivateView.as_view()),
    path("operator/tenants/<uuid:tenant_id>/close", marketplace.OperatorTenantCloseView.as_view()),
    path("operator/tenants/<uuid:tenant_id>/terms", marketplace.OperatorTermsView.as_view()),
    path("operator/tenants/<uuid:tenant_id>/write-offs", money.OperatorWriteOffView.as_view()),
    path(
        "operator/tenants/<uuid:tenant_id>/promotions/<str:code>/funding", money.OperatorFundingView.as_view()
    ),
    path("operator/payouts/<uuid:payout_id>/reversals", money.OperatorReversalView.as_view()),
    path("operator/debts", money.OperatorDebtListView.as_view()),
    path("operator/disputes", money.OperatorDisputeListView.as_view()),
    path("operator/payout-runs/preview", money.OperatorPayoutPreviewView.as_view()),
    path("operator/differences", reconciliation.DifferenceListView.as_view()),
    path("operator/differences/<int:difference_id>/explain", reconciliation.DifferenceExplainView.as_view()),
    path("operator/payout-runs", marketplace.OperatorPayoutRunView.as_view()),
]
