"""The cart: what it would cost now, and changing it."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.errors import DomainError, NotFound
from services.cart_services import price, set_promotion, set_quantity
from services.inventory_services import InsufficientStock
from services.promotion_services import PromotionRefused
from shop.models import Cart
from shop.selectors.carts import unpaid_order_of_cart
from shop.selectors.pictures import thumbnails
from shop.web.storefront.forms import CodeForm, QuantityForm
from shop.web.storefront.page import REFUSED, Page, buyer_id_of, cart_of, cart_token


class CartPage(Page):
    """The cart at the prices and with the stock of now."""

    template = "storefront/cart.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """The cart, or an invitation to fill one."""
        return self.show_cart(request, cart_of(request))

    def show_cart(
        self,
        request: HttpRequest,
        cart: Cart | None,
        *,
        status: int = 200,
        line_problem: tuple[str, str] = ("", ""),
        code_problem: str = "",
        code: str = "",
    ) -> HttpResponse:
        """The page; `line_problem` is a variant's id and what is wrong with its line."""
        priced = price(cart) if cart else None
        is_empty = priced is None or not priced.lines
        return self.show(
            request,
            status=status,
            priced=None if is_empty else priced,
            thumbnails={}
            if priced is None or is_empty
            else thumbnails(line.variant_id for line in priced.lines),
            cart_units=sum(line.quantity for line in priced.lines) if priced else 0,
            blocked=priced is not None
            and any(line.is_short or not line.is_for_sale for line in priced.lines),
            unpaid=unpaid_order_of_cart(cart_token(request), buyer_id=buyer_id_of(request))
            if cart is None and cart_token(request)
            else None,
            added=request.GET.get("added", ""),
            problem_of=line_problem[0],
            line_problem=line_problem[1],
            code_problem=code_problem,
            code=code,
        )


class CartLinePage(CartPage):
    """One line of the cart."""

    def get(self, request: HttpRequest, variant_id: UUID) -> HttpResponse:  # type: ignore[override]
        """A reload after a refusal leads back to the cart."""
        return redirect("storefront:cart")

    def post(self, request: HttpRequest, variant_id: UUID) -> HttpResponse:
        """Make it exactly so many; 0 takes the line out."""
        cart = cart_of(request)
        if cart is None:
            return redirect("storefront:cart")
        form = QuantityForm(request.POST)
        if not form.is_valid():
            problem = (str(variant_id), form.errors["quantity"][0])
            return self.show_cart(request, cart, status=400, line_problem=problem)
        try:
            set_quantity(cart=cart, variant_id=variant_id, quantity=form.cleaned_data["quantity"])
        except NotFound:
            return redirect("storefront:cart")
        except InsufficientStock as refusal:
            available = refusal.facts["lines"][0]["available"]  # type: ignore[index]
            sentence = (
                ngettext("There is only %(left)d.", "There are only %(left)d.", available)
                % {"left": available}
                if available
                else _("This is sold out.")
            )
            return self.show_cart(request, cart, status=REFUSED, line_problem=(str(variant_id), sentence))
        except DomainError as refusal:
            return self.show_cart(
                request, cart, status=REFUSED, line_problem=(str(variant_id), refusal.sentence)
            )
        return redirect("storefront:cart")


class CodePage(CartPage):
    """The promo code of the cart."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """Enter a code, or take it out. Refused with the reason."""
        cart = cart_of(request)
        if cart is None:
            return redirect("storefront:cart")
        form = CodeForm(request.POST)
        code = str(request.POST.get("code", ""))[:40]
        if not form.is_valid():
            return self.show_cart(request, cart, status=400, code_problem=form.errors["code"][0], code=code)
        try:
            set_promotion(cart=cart, code=form.cleaned_data["code"])
        except PromotionRefused as refusal:
            return self.show_cart(request, cart, status=REFUSED, code_problem=refusal.sentence, code=code)
        return redirect("storefront:cart")
