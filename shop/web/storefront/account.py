"""A buyer's account: in and out, orders, addresses, reviews, and what the shop knows of them."""

from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from core.errors import DomainError, Invalid, NotFound, TooMany
from core.forms import add_refusal
from core.pagination import cursor_page
from core.requests import client_address
from services.address_services import own_address, remove_address, save_address
from services.auth_services import (
    NotSignedIn,
    TokenPair,
    accept_mailbox_proof,
    change_password,
    rename_user,
    request_mailbox_proof,
    sign_in,
    sign_out_everywhere,
)
from services.cart_services import join_carts
from services.person_export_services import export_person
from services.person_services import erase_person
from shop.selectors.orders import order_of_buyer, orders_of_buyer
from shop.selectors.people import addresses_of
from shop.selectors.reviews import reviews_by
from shop.web.storefront.forms import (
    AccountAddressForm,
    ConfirmForm,
    EraseForm,
    MailboxForm,
    PasswordForm,
    ProfileForm,
    SignInForm,
)
from shop.web.storefront.page import REFUSED, Page, cart_token, keep_cart, wanted_path
from tenants.models import User
from tenants.web.sessions import end_session, keep_signed_in, person_of

ACCOUNT = "/account"
ORDERS_A_PAGE, LATEST = 20, 3


def let_in(request: HttpRequest, pair: TokenPair, *, home: str = ACCOUNT) -> HttpResponse:
    """On to where somebody wanted to go, signed in, with the cart they had as a guest and the one of their account."""
    response = keep_signed_in(request, redirect(wanted_path(request, home)), pair)
    cart = join_carts(token=cart_token(request), buyer_id=pair.user.pk)
    return keep_cart(response, cart) if cart else response


class SignInPage(Page):
    """E-mail and password. Whoever is in goes on to where they wanted to go; else to `home`."""

    template = "storefront/account/sign_in.html"
    home = ACCOUNT

    def get(self, request: HttpRequest) -> HttpResponse:
        """The form; those who are in already go on."""
        if self.is_in(request):
            return redirect(wanted_path(request, self.home))
        return self._show(request, SignInForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        """Sign in. Failures are counted, see `services.auth_services.check_credentials`."""
        form = SignInForm(request.POST)
        if not form.is_valid():
            return self._show(request, form, status=HTTPStatus.BAD_REQUEST)
        try:
            pair = sign_in(tenant=request.tenant, address=client_address(request), **form.cleaned_data)
        except DomainError as refusal:
            add_refusal(form, refusal)
            status = HTTPStatus.TOO_MANY_REQUESTS if isinstance(refusal, TooMany) else HTTPStatus.FORBIDDEN
            return self._show(request, form, status=status)
        return let_in(request, pair, home=self.home)

    @staticmethod
    def is_in(request: HttpRequest) -> bool:
        """Whether there is nothing to ask."""
        return person_of(request) is not None

    def _show(self, request: HttpRequest, form: SignInForm, *, status: int = 200) -> HttpResponse:
        return self.show(request, form=form, next=wanted_path(request, self.home), status=status)


class SignOutPage(Page):
    """Out, on this device."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """A reload leads to the shop."""
        return redirect("storefront:home")

    def post(self, request: HttpRequest) -> HttpResponse:
        """The session is dead with this answer. The account's cart waits there."""
        return end_session(request, redirect("storefront:home"))


class MailboxPage(Page):
    """Asks for an e-mail address and sends a link there: to open an account, or to set a password."""

    template = "storefront/account/mailbox.html"
    purpose: ClassVar[str] = "join"

    def get(self, request: HttpRequest) -> HttpResponse:
        """The form."""
        return self.show(request, form=MailboxForm(), purpose=self.purpose)

    def post(self, request: HttpRequest) -> HttpResponse:
        """The same answer whether there is an account or not."""
        form = MailboxForm(request.POST)
        if form.is_valid():
            email = form.cleaned_data["email"]
            try:
                request_mailbox_proof(email=email, purpose=self.purpose, address=client_address(request))
            except TooMany as refusal:
                add_refusal(form, refusal)
                status = HTTPStatus.TOO_MANY_REQUESTS
                return self.show(request, form=form, purpose=self.purpose, status=status)
            return self.show(request, sent_to=email, purpose=self.purpose)
        return self.show(request, form=form, purpose=self.purpose, status=HTTPStatus.BAD_REQUEST)


class ForgottenPage(MailboxPage):
    purpose = "reset"


class ConfirmPage(Page):
    """Where the link in the mail leads: name and password of a new account, or the new password of an old one.

    The proof stands behind the # of the link, where no server and no log sees it; a script moves it into the form.
    Without scripts the link is pasted.
    """

    template = "storefront/account_confirm.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """The form."""
        return self.show(request, form=ConfirmForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        """Set the password, and go in."""
        form = ConfirmForm(request.POST)
        if not form.is_valid():
            return self.show(request, form=form, status=HTTPStatus.BAD_REQUEST)
        try:
            pair = accept_mailbox_proof(tenant=request.tenant, **form.cleaned_data)
        except DomainError as refusal:
            add_refusal(form, refusal)
            return self.show(request, form=form, status=HTTPStatus.BAD_REQUEST)
        return let_in(request, pair)


class AccountPage(Page):
    """A page for whoever is signed in; others sign in first, and come back. `section` is its place in the navigation."""

    section = ""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Asked before anything else: who is it."""
        person = person_of(request)
        if person is None:
            wanted = urlencode({"next": request.get_full_path()})
            return redirect(f"{reverse('storefront:sign-in')}?{wanted}")
        self.person: User = person
        return super().dispatch(request, *args, **kwargs)

    def show(self, request: HttpRequest, *, status: int = 200, **context: Any) -> HttpResponse:
        """The page's template beside the account's navigation."""
        return super().show(request, status=status, section=self.section, **context)


class OverviewPage(AccountPage):
    """What somebody most likely came for."""

    template = "storefront/account/overview.html"
    section = "overview"

    def get(self, request: HttpRequest) -> HttpResponse:
        """The latest orders and the default address."""
        person_id = self.person.pk
        return self.show(
            request,
            orders=orders_of_buyer(person_id)[:LATEST],
            address=addresses_of(person_id).first(),
        )


class OrdersPage(AccountPage):
    """All orders of the account."""

    template = "storefront/account/orders.html"
    section = "orders"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Newest first, a page at a time."""
        try:
            rows, cursor = cursor_page(
                orders_of_buyer(self.person.pk),
                fields=("placed_at", "pk"),
                cursor=request.GET.get("cursor", "")[:400],
                limit=ORDERS_A_PAGE,
            )
        except Invalid:
            return redirect("storefront:orders")
        return self.show(request, orders=rows, more=cursor)


class OneOrderPage(AccountPage):
    """The way from the account to an order's own page."""

    def get(self, request: HttpRequest, order_id: UUID) -> HttpResponse:
        """Raises NotFound, also for somebody else's."""
        order = order_of_buyer(order_id=order_id, buyer_id=self.person.pk)
        return redirect("storefront:order", order.secret)


class AddressesPage(AccountPage):
    """The addresses somebody has parcels sent to."""

    template = "storefront/account/addresses.html"
    section = "addresses"

    def get(self, request: HttpRequest) -> HttpResponse:
        """The default first."""
        return self.show(request, addresses=addresses_of(self.person.pk))


class AddressPage(AccountPage):
    """One address: new, changed, made the default or forgotten."""

    template = "storefront/account/address.html"
    section = "addresses"

    def get(self, request: HttpRequest, address_id: UUID | None = None) -> HttpResponse:
        """The form in the form of its country. Raises NotFound, also for somebody else's."""
        initial: dict[str, Any] = {"country": request.tenant.country, "name": self.person.name}
        if address_id:
            address = own_address(user_id=self.person.pk, address_id=address_id)
            initial = {**address.snapshot(), "is_default": address.is_default}
        return self._show(request, self._form(request, initial=initial), address_id)

    def post(self, request: HttpRequest, address_id: UUID | None = None) -> HttpResponse:
        """Save, remove, or only change the country."""
        if "remove" in request.POST and address_id:
            remove_address(user_id=self.person.pk, address_id=address_id)
            return redirect("storefront:addresses")
        if "refresh" in request.POST:
            return self._show(request, self._form(request, initial=request.POST.dict()), address_id)
        form = self._form(request, request.POST)
        if form.is_valid():
            values = {**form.address(), "is_default": form.cleaned_data["is_default"]}
            try:
                save_address(user_id=self.person.pk, address_id=address_id, **values)
            except NotFound:
                raise
            except DomainError as refusal:
                add_refusal(form, refusal)
            else:
                return redirect("storefront:addresses")
        return self._show(request, form, address_id, status=HTTPStatus.BAD_REQUEST)

    @staticmethod
    def _form(request: HttpRequest, data: Any = None, **kwargs: Any) -> AccountAddressForm:
        return AccountAddressForm(data, country=request.tenant.country, **kwargs)

    def _show(
        self, request: HttpRequest, form: AccountAddressForm, address_id: UUID | None, *, status: int = 200
    ) -> HttpResponse:
        return self.show(request, form=form, address_id=address_id, status=status)


class ReviewsPage(AccountPage):
    """What somebody wrote of what they bought."""

    template = "storefront/account/reviews.html"
    section = "reviews"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Newest first."""
        return self.show(request, reviews=reviews_by(buyer_id=self.person.pk)[:100])


class ProfilePage(AccountPage):
    """Name, password, and the devices somebody is signed in on."""

    template = "storefront/account/profile.html"
    section = "profile"

    def get(self, request: HttpRequest) -> HttpResponse:
        """The forms."""
        return self._show(request, said=_("Saved.") if "saved" in request.GET else "")

    def post(self, request: HttpRequest) -> HttpResponse:
        """One of the forms."""
        if "everywhere" in request.POST:
            sign_out_everywhere(user_id=self.person.pk, tenant=request.tenant)
            return end_session(request, redirect("storefront:home"))
        return self._password(request) if "old" in request.POST else self._name(request)

    def _name(self, request: HttpRequest) -> HttpResponse:
        form = ProfileForm(request.POST)
        if not form.is_valid():
            return self._show(request, form=form, status=HTTPStatus.BAD_REQUEST)
        rename_user(user_id=self.person.pk, name=form.cleaned_data["name"])
        return redirect(f"{request.path}?saved=1")

    def _password(self, request: HttpRequest) -> HttpResponse:
        form = PasswordForm(request.POST)
        if form.is_valid():
            values = form.cleaned_data
            try:
                pair = change_password(
                    user_id=self.person.pk, old=values["old"], new=values["password"], tenant=request.tenant
                )
            except NotSignedIn:
                form.add_error("old", _("This is not your password."))
            except DomainError as refusal:
                add_refusal(form, refusal)
            else:
                return keep_signed_in(request, redirect(f"{request.path}?saved=1"), pair)
        return self._show(request, password_form=form, status=HTTPStatus.BAD_REQUEST)

    def _show(
        self,
        request: HttpRequest,
        *,
        form: ProfileForm | None = None,
        password_form: PasswordForm | None = None,
        said: str = "",
        status: int = 200,
    ) -> HttpResponse:
        return self.show(
            request,
            form=form or ProfileForm(initial={"name": self.person.name}),
            password_form=password_form or PasswordForm(),
            said=said,
            status=status,
        )


class DataPage(AccountPage):
    """What the shop knows of somebody: to take along, or to be forgotten."""

    template = "storefront/account/data.html"
    section = "data"

    def get(self, request: HttpRequest) -> HttpResponse:
        """What there is, in words."""
        return self.show(request, form=EraseForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        """Forget the person. Refused with the reason."""
        form = EraseForm(request.POST)
        if not form.is_valid():
            return self.show(request, form=form, status=HTTPStatus.BAD_REQUEST)
        try:
            erase_person(user=self.person, password=form.cleaned_data["password"])
        except NotSignedIn:
            form.add_error("password", _("This is not your password."))
            return self.show(request, form=form, status=HTTPStatus.FORBIDDEN)
        except TooMany as refusal:
            add_refusal(form, refusal)
            return self.show(request, form=form, status=HTTPStatus.TOO_MANY_REQUESTS)
        except DomainError as refusal:
            form.add_error(None, _(refusal.title))
            add_refusal(form, refusal)
            return self.show(request, form=form, status=REFUSED)
        return end_session(request, redirect("storefront:goodbye"))


class ExportPage(AccountPage):
    """All of it as one file."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """JSON, to be kept."""
        response = JsonResponse(
            export_person(self.person), json_dumps_params={"indent": 2, "ensure_ascii": False}
        )
        response["Content-Disposition"] = f'attachment; filename="{request.tenant.slug}-my-data.json"'
        return response


class GoodbyePage(Page):
    """After somebody was forgotten."""

    template = "storefront/account/goodbye.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """What was done."""
        return self.show(request)
