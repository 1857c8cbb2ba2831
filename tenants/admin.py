"""The operator's admin: storefronts and people. Moves go through services, so that rules and the audit log hold."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action
from unfold.forms import AuthenticationForm

from core.errors import DomainError
from core.requests import client_address
from services.auth_services import check_credentials, set_user_active
from services.tenant_services import close_tenant, provision_tenant, reactivate_tenant, suspend_tenant
from tenants.models import AuditEntry, Domain, Membership, ReadySchema, Tenant, User

admin.site.site_header = admin.site.site_title = "Souk"
admin.site.unregister(Group)


class SignInForm(AuthenticationForm):
    """Operators sign in as everybody does: guesses are counted in the database, together with those at the API."""

    def clean(self) -> dict[str, Any]:
        """A refusal stands above the form."""
        if {"username", "password"} <= self.cleaned_data.keys():
            try:
                self.user_cache = check_credentials(
                    email=self.cleaned_data["username"],
                    password=self.cleaned_data["password"],
                    address=client_address(self.request),
                )
            except DomainError as refusal:
                raise forms.ValidationError(refusal.sentence) from refusal
            self.confirm_login_allowed(self.user_cache)
        return self.cleaned_data


admin.site.login_form = SignInForm


class ReadOnly:
    """Shown, never edited here."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class DomainInline(ReadOnly, TabularInline):
    model = Domain
    extra = 0


class MembershipInline(ReadOnly, TabularInline):
    model = Membership
    extra = 0


class ProvisionForm(forms.ModelForm):
    """What opening a storefront for somebody takes."""

    email = forms.EmailField(help_text="The owner; gets a mail to set the password.")

    class Meta:
        model = Tenant
        fields = ["name", "slug", "currency", "country"]


@admin.register(Tenant)
class TenantAdmin(ModelAdmin):
    """Storefronts: look, open for somebody, suspend, reactivate, close."""

    list_display = ["name", "slug", "status", "currency", "created_at"]
    list_filter = ["status"]
    search_fields = ["name", "slug"]
    inlines = [DomainInline, MembershipInline]
    actions = ["suspend", "reactivate", "close"]
    actions_detail = ["suspend_one", "reactivate_one", "close_one"]

    def get_form(
        self, request: HttpRequest, obj: Tenant | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        return (
            super().get_form(request, obj, change, form=ProvisionForm, **kwargs)
            if obj is None
            else super().get_form(request, obj, change, **kwargs)
        )

    def get_inlines(self, request: HttpRequest, obj: Tenant | None) -> list[Any]:
        return self.inlines if obj else []

    def get_readonly_fields(self, request: HttpRequest, obj: Tenant | None = None) -> list[str]:
        return [field.name for field in Tenant._meta.fields] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Tenant | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Tenant, form: Any, change: bool) -> None:
        """Adding is provisioning: a schema from the pool, an owner, a mail."""
        if change:
            return
        values = form.cleaned_data
        made = provision_tenant(
            email=values["email"],
            name=values["name"],
            slug=values["slug"],
            currency=values["currency"],
            country=values["country"],
            actor_id=request.user.pk,
        )
        obj.pk, obj._state.adding = made.tenant.pk, False

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """A refusal is shown on the page instead of an error."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except DomainError as refusal:
            self.message_user(request, refusal.sentence, messages.ERROR)
            return redirect(request.path)

    def _move(self, request: HttpRequest, tenant_ids: list[Any], move: Any, reason: str) -> None:
        for tenant_id in tenant_ids:
            try:
                tenant = move(tenant_id=tenant_id, actor_id=request.user.pk, reason=reason)
                self.message_user(request, f"{tenant.name} is {tenant.status}.")
            except Exception as refusal:
                sentence = refusal.sentence if isinstance(refusal, DomainError) else str(refusal)
                self.message_user(request, sentence, messages.ERROR)

    @admin.action(description="Suspend: closed to buyers with the next request")
    def suspend(self, request: HttpRequest, queryset: Any) -> None:
        self._move(
            request, [tenant.pk for tenant in queryset], suspend_tenant, "by the operator, in the admin"
        )

    @admin.action(description="Reactivate")
    def reactivate(self, request: HttpRequest, queryset: Any) -> None:
        self._move(
            request, [tenant.pk for tenant in queryset], reactivate_tenant, "by the operator, in the admin"
        )

    @admin.action(description="Close for good (data is kept)")
    def close(self, request: HttpRequest, queryset: Any) -> None:
        self._move(request, [tenant.pk for tenant in queryset], close_tenant, "by the operator, in the admin")

    def _move_one(self, request: HttpRequest, object_id: str, move: Any) -> HttpResponse:
        self._move(request, [object_id], move, "by the operator, in the admin")
        return redirect("admin:tenants_tenant_change", object_id)

    @action(description="Suspend", url_path="suspend")
    def suspend_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._move_one(request, object_id, suspend_tenant)

    @action(description="Reactivate", url_path="reactivate")
    def reactivate_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._move_one(request, object_id, reactivate_tenant)

    @action(description="Close", url_path="close")
    def close_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._move_one(request, object_id, close_tenant)


@admin.register(User)
class UserAdmin(ModelAdmin):
    """People. Passwords are theirs; disabling somebody ends every token at once."""

    list_display = ["email", "name", "is_active", "is_operator", "created_at"]
    list_filter = ["is_active", "is_operator"]
    search_fields = ["email", "name"]
    fields = ["email", "name", "is_active", "is_operator", "created_at", "last_login"]
    readonly_fields = ["email", "created_at", "last_login"]
    actions = ["disable"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        obj.save(update_fields=[name for name in form.changed_data if name != "is_active"] or ["name"])
        if "is_active" in form.changed_data:
            set_user_active(user_id=obj.pk, is_active=obj.is_active, actor_id=request.user.pk)

    @admin.action(description="Disable: every token is dead at once")
    def disable(self, request: HttpRequest, queryset: Any) -> None:
        for user in queryset:
            set_user_active(user_id=user.pk, is_active=False, actor_id=request.user.pk)


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnly, ModelAdmin):
    list_display = ["at", "action", "tenant", "actor_id", "reason"]
    list_filter = ["action"]
    list_select_related = ["tenant"]


@admin.register(ReadySchema)
class ReadySchemaAdmin(ReadOnly, ModelAdmin):
    list_display = ["schema_name", "version", "created_at"]
