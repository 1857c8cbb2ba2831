"""Checkout: who buys, where it goes, what it costs, and on to the payment page."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from core.errors import DomainError
from core.forms import add_refusal
from core.ids import new_secret
from services.address_rules import check_address
from services.address_services import remember_address
from services.cart_services import CartAlreadyOrdered, NotForSale, price, set_promotion
from services.inventory_services import InsufficientStock
from services.order_services import CartEmpty, TotalChanged, place_order
from services.promotion_services import PromotionRefused
from shop.models import Address, Cart, Order
from shop.selectors.carts import unpaid_order_of_cart
from shop.selectors.people import addresses_of
from shop.selectors.pictures import thumbnails
from shop.web.storefront.forms import CheckoutForm, CodeForm
from shop.web.storefront.orders import on_to_payment
from shop.web.storefront.page import REFUSED, Page, buyer_id_of, cart_of, cart_token
from tenants.web.sessions import person_of


class CheckoutPage(Page):
    """One page: contact, address, summary, total."""

    template = "storefront/checkout.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """The form, for a cart that has something in it."""
        cart = cart_of(request)
        if cart is None:
            return self._without_cart(request)
        person, wanted = person_of(request), request.GET.get("address", "")
        addresses = self._addresses(request)
        known = next((row for row in addresses if str(row.pk) == wanted), addresses[0] if addresses else None)
        initial: dict[str, Any] = {"country": request.tenant.country}
        if person:
            initial["email"], initial["name"] = person.email, person.name
        if known and wanted != "new":
            initial |= known.snapshot()
        form = CheckoutForm(country=request.tenant.country, initial=initial)
        return self._show(request, cart, form, addresses=addresses)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Order, then pay. Sent twice, it is one order. Or only change the country or the promo code."""
        cart = cart_of(request)
        if cart and ("refresh" in request.POST or "code" in request.POST):
            return self._change(request, cart)
        form = CheckoutForm(request.POST, country=request.tenant.country)
        if not form.is_valid():
            return self._show(request, cart, form, status=400) if cart else self._without_cart(request)
        try:
            order = self._order(request, form)
        except (CartEmpty, CartAlreadyOrdered):
            return self._without_cart(request)
        except DomainError as refusal:
            if cart is None:
                return self._without_cart(request)
            self._explain(form, refusal)
            return self._show(request, cart, form, status=REFUSED)
        return on_to_payment(order)

    def _change(self, request: HttpRequest, cart: Cart) -> HttpResponse:
        """The page again with what was typed, in the form of its country, at the price with or without the code."""
        typed = {name: value for name, value in request.POST.items() if name != "expected_total"}
        form = CheckoutForm(country=request.tenant.country, initial=typed)
        problem, code = "", request.POST.get("typed_code", "")[:40] if request.POST.get("code") == "+" else ""
        code_form = CodeForm({"code": code})
        if "code" in request.POST and not code_form.is_valid():
            problem = str(code_form.errors["code"][0])
        elif "code" in request.POST:
            try:
                set_promotion(cart=cart, code=code_form.cleaned_data["code"])
            except PromotionRefused as refusal:
                problem = refusal.sentence
        status = REFUSED if problem else 200
        return self._show(request, cart, form, status=status, code_problem=problem, code=code)

    @staticmethod
    def _order(request: HttpRequest, form: CheckoutForm) -> Order:
        values, token, buyer_id = form.cleaned_data, cart_token(request), buyer_id_of(request)
        order = place_order(
            cart_token=token,
            buyer_id=buyer_id,
            email=values["email"],
            shipping_address=check_address(form.address()),
            expected_total_minor=values["expected_total"],
            # With the cart's secret in it, nobody reaches another buyer's order by its key.
            request_key=f"page:{token}:{values['key']}",
        )
        if buyer_id and values["save_address"]:
            remember_address(user_id=buyer_id, **form.address())
        return order

    @staticmethod
    def _addresses(request: HttpRequest) -> list[Address]:
        person = person_of(request)
        return list(addresses_of(person.pk)) if person else []

    @staticmethod
    def _explain(form: CheckoutForm, refusal: DomainError) -> None:
        """What the buyer can do about it. What is wrong with a line or the code stands beside them in the summary."""
        if isinstance(refusal, InsufficientStock | NotForSale):
            form.add_error(
                None, _("Something in your cart is no longer there as you ordered it. Please look below.")
            )
        elif isinstance(refusal, TotalChanged):
            form.add_error(
                None, _("The total has changed since you opened this page. Please check it once more.")
            )
        elif isinstance(refusal, PromotionRefused):
            form.add_error(None, _("%(reason)s Take the code out to go on.") % {"reason": refusal.sentence})
        else:
            add_refusal(form, refusal)

    def _show(
        self,
        request: HttpRequest,
        cart: Cart,
        form: CheckoutForm,
        *,
        status: int = 200,
        code_problem: str = "",
        code: str = "",
        addresses: list[Address] | None = None,
    ) -> HttpResponse:
        priced = price(cart)
        if not priced.lines:
            return redirect("storefront:cart")
        if addresses is None:
            addresses = self._addresses(request)
        return self.show(
            request,
            status=status,
            form=form,
            priced=priced,
            thumbnails=thumbnails(line.variant_id for line in priced.lines),
            cart_units=sum(line.quantity for line in priced.lines),
            key=form.data.get("key") or form.initial.get("key") or new_secret(),
            code_problem=code_problem,
            code=code if code_problem else "",
            addresses=addresses,
            chosen=next((row for row in addresses if form.shows(row.snapshot())), None),
        )

    @staticmethod
    def _without_cart(request: HttpRequest) -> HttpResponse:
        """The cart has become an order already, or there is none."""
        token = cart_token(request)
        order = unpaid_order_of_cart(token, buyer_id=buyer_id_of(request)) if token else None
        return redirect("storefront:order", order.secret) if order else redirect("storefront:cart")
