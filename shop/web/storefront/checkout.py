"""Checkout: who buys, where it goes, what it costs, and on to the payment page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from core.errors import DomainError
from core.forms import add_refusal
from core.ids import new_secret
from services.address_rules import check_address
from services.cart_services import CartAlreadyOrdered, NotForSale, price
from services.inventory_services import InsufficientStock
from services.order_services import CartEmpty, TotalChanged, place_order
from services.promotion_services import PromotionRefused
from shop.models import Cart, Order
from shop.selectors.carts import unpaid_order_of_cart
from shop.selectors.pictures import thumbnails
from shop.web.storefront.forms import CheckoutForm
from shop.web.storefront.orders import on_to_payment
from shop.web.storefront.page import REFUSED, Page, cart_of, cart_token


class CheckoutPage(Page):
    """One page: contact, address, summary, total."""

    template = "storefront/checkout.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """The form, for a cart that has something in it."""
        cart = cart_of(request)
        if cart is None:
            return self._without_cart(request)
        form = CheckoutForm(country=request.tenant.country, initial={"country": request.tenant.country})
        return self._show(request, cart, form)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Order, then pay. Sent twice, it is one order."""
        cart = cart_of(request)
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

    @staticmethod
    def _order(request: HttpRequest, form: CheckoutForm) -> Order:
        values, token = form.cleaned_data, cart_token(request)
        return place_order(
            cart_token=token,
            email=values["email"],
            shipping_address=check_address(form.address()),
            expected_total_minor=values["expected_total"],
            # With the cart's secret in it, nobody reaches another buyer's order by its key.
            request_key=f"page:{token}:{values['key']}",
        )

    @staticmethod
    def _explain(form: CheckoutForm, refusal: DomainError) -> None:
        """What the buyer can do about it. What is wrong with a line or the code stands beside them in the summary."""
        if isinstance(refusal, InsufficientStock | NotForSale):
            form.add_error(
                None, "Something in your cart is no longer there as you ordered it. Please look below."
            )
        elif isinstance(refusal, TotalChanged):
            form.add_error(
                None, "The total has changed since you opened this page. Please check it once more."
            )
        elif isinstance(refusal, PromotionRefused):
            form.add_error(None, f"{refusal.sentence} Take the code out of the cart to go on.")
        else:
            add_refusal(form, refusal)

    def _show(
        self, request: HttpRequest, cart: Cart, form: CheckoutForm, *, status: int = 200
    ) -> HttpResponse:
        priced = price(cart)
        if not priced.lines:
            return redirect("storefront:cart")
        return self.show(
            request,
            status=status,
            form=form,
            priced=priced,
            thumbnails=thumbnails(line.variant_id for line in priced.lines),
            cart_units=sum(line.quantity for line in priced.lines),
            key=form.data.get("key") or new_secret(),
        )

    @staticmethod
    def _without_cart(request: HttpRequest) -> HttpResponse:
        """The cart has become an order already, or there is none."""
        token = cart_token(request)
        order = unpaid_order_of_cart(token) if token else None
        return redirect("storefront:order", order.secret) if order else redirect("storefront:cart")
