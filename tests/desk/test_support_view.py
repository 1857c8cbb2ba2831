"""An operator looks at a storefront as its owner sees it: with a reason, for half an hour, and changes nothing."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.db import DatabaseError, connection, transaction
from django.urls import get_resolver

from core.clock import now
from core.errors import Invalid, NotFound, Refused
from payouts.models import SellerAccount
from services.account_services import open_account
from services.auth_services import (
    TokenRefused,
    change_password,
    open_session,
    redeem_ticket,
    refresh_session,
    set_user_active,
)
from services.stripe_gateway import stripe_api
from services.support_services import NothingToLookAt, enter_support_view, open_support_view
from services.tenant_services import close_tenant, suspend_tenant
from shop.models import Product
from shop.web.dashboard.access import ArrivePage, SignInPage, SignOutPage
from shop.web.dashboard.frame import StaffPage
from shop.web.dashboard.support import SupportArrivePage, SupportLeavePage
from tenants.context import tenant_scope
from tenants.models import AuditEntry, Session, Tenant, User
from tenants.tokens import SupportTicket, issue_access, issue_page, issue_refresh, new_jti
from tests.desk.conftest import Desk
from tests.factories.shop import make_order, make_product
from tests.factories.tenants import PASSWORD, make_operator, make_user, owner_of
from tests.factories.threads import at_once, failures
from tests.tenancy.support import ELSEWHERE, ask, digest
from tests.web.test_dashboard import sign_in
from tests.web.test_storefront import Browser

DOORS = (SignInPage, SignOutPage, ArrivePage, SupportArrivePage, SupportLeavePage)
WORDS = {"slug": "returns", "sku": "A-1", "secret": "x", "name": "x"}


def enter(tenant: Tenant, operator: User, reason: str = "they asked about a payout") -> Browser:
    """The operator's browser, in the support view."""
    visit = open_support_view(tenant_id=tenant.pk, operator_id=operator.pk, reason=reason)
    browser = Browser(tenant)
    browser.get(f"/dashboard/support?ticket={visit.ticket}")
    return browser


def noted(tenant: Tenant, action: str) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(tenant=tenant, action=action).order_by("at"))


def dashboard_pages() -> dict[str, type]:
    """Every path below /dashboard with an id of nothing in it, and the class that answers."""
    found = {}
    for pattern in get_resolver("config.urls_tenant").url_patterns:
        for each in getattr(pattern, "url_patterns", ()):
            route = str(each.pattern)
            if route.startswith("dashboard"):
                for name, converter in each.pattern.converters.items():
                    kind = type(converter).__name__
                    value = {"UUIDConverter": ELSEWHERE, "IntConverter": "1"}.get(kind, WORDS.get(name, "x"))
                    route = next(
                        route.replace(f"<{prefix}{name}>", value)
                        for prefix in ("uuid:", "int:", "slug:", "path:", "str:", "")
                        if f"<{prefix}{name}>" in route
                    )
                found[f"/{route}"] = each.callback.view_class
    return found


# Opening it -------------------------------------------------------------------------------------------------------


def test_an_operator_sees_the_dashboard_as_the_owner_does(serving, operator):
    make_order()

    browser = enter(serving, operator)

    assert browser.get("/dashboard").status_code == 200
    assert "Support view" in browser.text
    assert 'action="/dashboard/sign-out"' not in browser.text
    for path in ("/dashboard/brand", "/dashboard/bank", "/dashboard/pages", "/dashboard/shipping"):
        assert browser.get(path).status_code == 200, path
        assert "Support view" in browser.text


def test_from_the_desk_with_a_reason_to_the_dashboard(serving, desk):
    answer = desk.post(
        f"/desk/storefronts/{serving.slug}", {"action": "support", "reason": "Ticket 4711: no payout"}
    )

    target = urlsplit(answer["Location"])
    assert answer.status_code == 302
    assert target.netloc.split(":")[0] == serving.host
    browser = Browser(serving)
    assert browser.get(f"{target.path}?{target.query}")["Location"] == "/dashboard"
    assert browser.get("/dashboard").status_code == 200
    opened = noted(serving, "support.opened")
    assert [(entry.actor_id, entry.reason) for entry in opened] == [
        (desk.person.pk, "Ticket 4711: no payout")
    ]


def test_without_a_reason_nothing_is_opened(serving, desk):
    answer = desk.post(f"/desk/storefronts/{serving.slug}", {"action": "support", "reason": "   "})

    assert answer.status_code == 400
    assert not Session.objects.filter(is_support=True).exists()
    with pytest.raises(Invalid):
        open_support_view(tenant_id=serving.pk, operator_id=desk.person.pk, reason=" ")


def test_only_an_active_operator_may(serving):
    off = make_user(is_operator=True, is_active=False)
    for person in (owner_of(serving), make_user(), off):
        with pytest.raises(Refused):
            open_support_view(tenant_id=serving.pk, operator_id=person.pk, reason="curious")
    assert not Session.objects.filter(is_support=True).exists()


def test_a_suspended_storefront_can_be_looked_at_and_a_closed_one_not(serving, operator):
    suspend_tenant(tenant_id=serving.pk, actor_id=operator.pk, reason="a test")
    browser = enter(serving, operator)
    assert browser.get("/dashboard").status_code == 200
    assert browser.get("/").status_code == 503

    close_tenant(tenant_id=serving.pk, actor_id=operator.pk, reason="a test")
    assert browser.get("/dashboard").status_code == 404
    with pytest.raises(NothingToLookAt):
        open_support_view(tenant_id=serving.pk, operator_id=operator.pk, reason="why closed?")
    with pytest.raises(NotFound):
        open_support_view(tenant_id=ELSEWHERE, operator_id=operator.pk, reason="nobody")


def test_the_cookie_is_of_this_host_alone_and_lives_as_long_as_the_view(serving, operator):
    cookie = enter(serving, operator).cookies["support"]

    assert (cookie["httponly"], cookie["samesite"], cookie["domain"], cookie["path"]) == (
        True,
        "Lax",
        "",
        "/",
    )
    assert cookie["max-age"] == 1800


def test_over_tls_only_this_host_can_set_the_cookie(serving, operator, settings):
    settings.SCHEME = "https"

    cookie = enter(serving, operator).cookies["__Host-support"]

    assert (bool(cookie["secure"]), cookie["domain"], cookie["path"]) == (True, "", "/")


# It changes nothing -----------------------------------------------------------------------------------------------


def test_every_page_of_the_dashboard_stands_behind_the_same_door():
    strangers = {
        path for path, page in dashboard_pages().items() if not issubclass(page, (StaffPage, *DOORS))
    }

    assert strangers == set()
    assert not [
        page
        for page in dashboard_pages().values()
        if issubclass(page, StaffPage) and page.dispatch is not StaffPage.dispatch
    ]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_no_page_takes_anything_but_being_looked_at(serving, operator, method):
    make_product(title="Mug")
    browser = enter(serving, operator)
    before, entries = digest(serving.schema_name), AuditEntry.objects.count()

    for path, page in dashboard_pages().items():
        if issubclass(page, StaffPage):
            answer = browser.generic(method, path, b"action=save", "application/x-www-form-urlencoded")
            assert answer.status_code == 403, path

    assert digest(serving.schema_name) == before
    assert AuditEntry.objects.count() == entries


def test_looking_at_every_page_changes_nothing_in_the_storefront(serving, operator, stripe_local):
    make_order()
    browser = enter(serving, operator)
    before = digest(serving.schema_name)

    answers = {
        path: browser.get(path).status_code
        for path, page in dashboard_pages().items()
        if issubclass(page, StaffPage)
    }

    assert digest(serving.schema_name) == before
    assert {path: status for path, status in answers.items() if status == 403 or status >= 500} == {}
    assert answers["/dashboard"] == 200


def test_postgresql_refuses_a_page_that_writes_while_it_is_looked_at(serving, operator, monkeypatch):
    product = make_product(title="Mug")

    def writes(page, request):
        Product.objects.filter(pk=product.pk).update(title="Changed")
        return page.show(request)

    page = dashboard_pages()["/dashboard/shipping"]
    monkeypatch.setattr(page, "get", writes)

    assert enter(serving, operator).get("/dashboard/shipping").status_code == 403
    product.refresh_from_db()
    assert product.title == "Mug"
    assert sign_in(Browser(serving), owner_of(serving)).get("/dashboard/shipping").status_code == 200
    product.refresh_from_db()
    assert product.title == "Changed"


def test_stripe_is_not_asked_how_the_seller_is(serving, operator, stripe_local):
    open_account(tenant_id=serving.pk)
    before = SellerAccount.objects.get(tenant=serving).refreshed_at

    assert enter(serving, operator).get("/dashboard/bank?back=1").status_code == 200
    assert SellerAccount.objects.get(tenant=serving).refreshed_at == before

    sign_in(Browser(serving), owner_of(serving)).get("/dashboard/bank?back=1")
    assert SellerAccount.objects.get(tenant=serving).refreshed_at > before


def test_a_page_that_would_ask_stripe_is_refused(serving, operator, stripe_local, monkeypatch):
    def asks(page, request):
        with stripe_api() as stripe:
            stripe.v1.accounts.list()
        return page.show(request)

    monkeypatch.setattr(dashboard_pages()["/dashboard/shipping"], "get", asks)

    assert enter(serving, operator).get("/dashboard/shipping").status_code == 403


# Every page is written down ---------------------------------------------------------------------------------------


def test_each_page_looked_at_is_a_line_in_the_log(serving, operator):
    order = make_order()
    browser = enter(serving, operator)

    browser.get("/dashboard")
    browser.get("/dashboard/pages?q=secret-words&cursor=abc")
    browser.get(f"/dashboard/reviews/{order.pk}")

    entries = noted(serving, "support.page")
    assert {entry.actor_id for entry in entries} == {operator.pk}
    assert [entry.facts for entry in entries] == [
        {"page": "dashboard"},
        {"page": "dashboard/pages"},
        {"page": "dashboard/reviews/<uuid:review_id>", "review_id": str(order.pk)},
    ]


def test_a_page_that_looks_again_by_itself_is_noted_once_a_minute(serving, operator):
    browser = enter(serving, operator)

    for _ in range(3):
        browser.get("/dashboard/pages")
    AuditEntry.objects.filter(action="support.page").update(at=now() - timedelta(minutes=2))
    browser.get("/dashboard/pages")

    assert len(noted(serving, "support.page")) == 2


def test_a_seller_s_own_pages_are_not_written_down(serving):
    sign_in(Browser(serving), owner_of(serving)).get("/dashboard")

    assert noted(serving, "support.page") == []


# It opens nothing else --------------------------------------------------------------------------------------------


def test_it_opens_no_account_and_buys_in_nobody_s_name(serving, operator):
    browser = enter(serving, operator)

    for path in ("/account", "/account/orders", "/account/data", "/account/profile"):
        assert browser.get(path).status_code == 302, path
    browser.get("/")
    assert operator.email not in browser.text


def test_its_cookie_is_no_token_of_the_api_nor_of_the_seller_s_pages(serving, operator):
    token = enter(serving, operator).cookies["support"].value

    for path in ("/api/v1/seller/orders", "/api/v1/me", "/api/v1/seller/products"):
        assert ask(serving.host, "GET", path, token=token).status_code == 401, path
    assert ask(serving.host, "POST", "/api/v1/auth/refresh", {"refresh": token}).status_code == 401
    other = Browser(serving)
    other.cookies["session"] = token
    assert other.get("/dashboard").status_code == 302
    assert other.get("/account").status_code == 302


def test_its_session_carries_no_other_token_whatever_somebody_signs(serving, operator):
    """Even with our key, tokens of the other kinds do not fit the session; nor does the cookie fit another's session."""
    session = open_support_view(tenant_id=serving.pk, operator_id=operator.pk, reason="x").session

    access = issue_access(session=session, user=operator)
    refresh = issue_refresh(session=session, user=operator, jti=session.refresh_jti)
    assert ask(serving.host, "GET", "/api/v1/me", token=access).status_code == 401
    with pytest.raises(TokenRefused):
        refresh_session(refresh=refresh, tenant=serving)
    browser = Browser(serving)
    browser.cookies["session"] = issue_page(session=session, user=operator)
    assert browser.get("/dashboard").status_code == 302
    assert browser.get("/account").status_code == 302


def test_a_seller_s_cookie_is_no_support_view(serving):
    owner = sign_in(Browser(serving), owner_of(serving))
    other = Browser(serving)
    other.cookies["support"] = owner.cookies["session"].value

    assert other.get("/dashboard").status_code == 302


def test_it_does_not_open_another_storefront(serving, operator, other_tenant):
    token = enter(serving, operator).cookies["support"].value
    elsewhere = Browser(other_tenant)
    elsewhere.cookies["support"] = token

    assert elsewhere.get("/dashboard").status_code == 302
    visit = open_support_view(tenant_id=serving.pk, operator_id=operator.pk, reason="x")
    assert elsewhere.get(f"/dashboard/support?ticket={visit.ticket}").status_code == 403
    with pytest.raises(TokenRefused):
        enter_support_view(ticket=visit.ticket, tenant=other_tenant)
    assert enter_support_view(ticket=visit.ticket, tenant=serving)


def test_it_does_not_open_the_desk(serving, operator):
    stranger = Desk()
    stranger.cookies["support"] = enter(serving, operator).cookies["support"].value

    assert stranger.get("/desk").status_code == 302


# Tickets ----------------------------------------------------------------------------------------------------------


def test_a_ticket_is_good_once(serving, operator):
    visit = open_support_view(tenant_id=serving.pk, operator_id=operator.pk, reason="x")
    first, second = Browser(serving), Browser(serving)

    assert first.get(f"/dashboard/support?ticket={visit.ticket}").status_code == 302
    assert second.get(f"/dashboard/support?ticket={visit.ticket}").status_code == 403
    assert "support" not in second.cookies
    assert first.get("/dashboard").status_code == 200


def test_of_eight_who_trade_one_ticket_at_once_one_is_in(committed, tenant):
    visit = open_support_view(tenant_id=tenant.pk, operator_id=make_operator().pk, reason="x")

    outcomes = at_once([lambda: enter_support_view(ticket=visit.ticket, tenant=tenant)] * 8, tenant=tenant)

    assert len(failures(outcomes)) == 7
    assert {type(each) for each in failures(outcomes)} == {TokenRefused}


@pytest.mark.parametrize("ticket", ["", "nonsense", "a.b.c", "\x00"])
def test_what_is_no_ticket_is_refused(serving, ticket):
    assert Browser(serving).get("/dashboard/support", {"ticket": ticket}).status_code == 403


def test_a_ticket_is_good_for_a_minute(serving, operator, monkeypatch):
    monkeypatch.setattr(SupportTicket, "lifetime", timedelta(seconds=-1))
    visit = open_support_view(tenant_id=serving.pk, operator_id=operator.pk, reason="x")

    assert Browser(serving).get(f"/dashboard/support?ticket={visit.ticket}").status_code == 403


def test_tickets_of_one_kind_are_not_taken_for_the_other(serving, operator):
    visit = open_support_view(tenant_id=serving.pk, operator_id=operator.pk, reason="x")
    browser = Browser(serving)

    assert browser.get(f"/dashboard/arrive?ticket={visit.ticket}")["Location"] == "/dashboard/sign-in"
    assert "session" not in browser.cookies
    with pytest.raises(TokenRefused):
        redeem_ticket(ticket=visit.ticket, tenant=serving)

    ordinary = open_session(user=owner_of(serving), tenant=serving).ticket
    assert browser.get(f"/dashboard/support?ticket={ordinary}").status_code == 403
    with pytest.raises(TokenRefused):
        enter_support_view(ticket=ordinary, tenant=serving)
    assert enter_support_view(ticket=visit.ticket, tenant=serving)
    assert redeem_ticket(ticket=ordinary, tenant=serving)


# Its end ----------------------------------------------------------------------------------------------------------


def test_it_ends_after_half_an_hour_and_is_never_prolonged(serving, operator):
    browser = enter(serving, operator)
    session = Session.objects.get(is_support=True)
    assert timedelta(minutes=29) < session.expires_at - now() <= timedelta(minutes=30)

    browser.get("/dashboard")
    assert Session.objects.get(pk=session.pk).expires_at == session.expires_at
    assert "support" not in browser.get("/dashboard").cookies

    Session.objects.filter(pk=session.pk).update(expires_at=now() - timedelta(seconds=1))
    assert browser.get("/dashboard").status_code == 302


def test_leaving_ends_it_and_leads_back_to_the_desk(serving, operator):
    browser = enter(serving, operator)
    token = browser.cookies["support"].value
    browser.get("/dashboard/support-leave")
    assert "<form" in browser.text
    assert Session.objects.filter(is_support=True, revoked_at=None).exists()

    browser.post("/dashboard/support-leave")
    browser.get("/dashboard/support-leave")

    assert f"/desk/storefronts/{serving.slug}" in browser.text
    browser.cookies["support"] = token
    assert browser.get("/dashboard").status_code == 302
    assert [entry.actor_id for entry in noted(serving, "support.ended")] == [operator.pk]


@pytest.mark.parametrize(
    "end",
    [
        lambda person: set_user_active(user_id=person.pk, is_active=False, actor_id=owner_of_none(person)),
        lambda person: User.objects.filter(pk=person.pk).update(is_operator=False),
        lambda person: change_password(
            user_id=person.pk, old=PASSWORD, new="another-quiet-word-7", tenant=None
        ),
        lambda person: Session.objects.filter(user=person).update(revoked_at=now()),
    ],
    ids=["disabled", "no longer operator", "other password", "signed out"],
)
def test_it_ends_with_the_operator(serving, operator, end):
    browser = enter(serving, operator)
    assert browser.get("/dashboard").status_code == 200

    end(operator)

    assert browser.get("/dashboard").status_code == 302


def owner_of_none(person: User):
    """Another operator's id: nobody disables themselves."""
    return make_user(is_operator=True).pk


# Beside others ----------------------------------------------------------------------------------------------------


def test_a_seller_signed_in_in_the_same_browser_has_no_part_in_it(serving, operator):
    seller = owner_of(serving)
    browser = sign_in(Browser(serving), seller)
    visit = open_support_view(tenant_id=serving.pk, operator_id=operator.pk, reason="x")
    browser.get(f"/dashboard/support?ticket={visit.ticket}")
    Session.objects.filter(user=seller).update(expires_at=now() + timedelta(days=2))  # due to be prolonged

    assert browser.get("/dashboard/shipping").status_code == 200
    assert "Support view" in browser.text
    assert browser.post("/dashboard/shipping", {"name": "x", "price": "1"}).status_code == 403
    assert noted(serving, "support.page")[-1].actor_id == operator.pk
    assert Session.objects.get(user=seller).expires_at < now() + timedelta(days=3)

    browser.get("/account")
    assert seller.email in browser.text or seller.name in browser.text
    browser.post("/dashboard/support-leave")
    browser.get("/dashboard/shipping")
    assert "Support view" not in browser.text
    assert browser.post("/dashboard/shipping", {"name": "x", "price": "1"}).status_code == 302


def test_a_storefront_s_own_role_sees_no_support_view_and_no_operator(serving, operator):
    enter(serving, operator)
    assert Session.objects.filter(is_support=True).count() == 1

    with tenant_scope(serving):
        assert Session.objects.filter(is_support=True).count() == 0
        assert not User.objects.filter(pk=operator.pk).exists()
        assert Session.objects.filter(is_support=True).update(expires_at=now() + timedelta(days=9)) == 0
        with pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
            Session.objects.create(
                user_id=owner_of(serving).pk,
                tenant=serving,
                refresh_jti=new_jti(),
                expires_at=now() + timedelta(days=9),
                is_support=True,
            )
    assert connection.tenant.pk == serving.pk
