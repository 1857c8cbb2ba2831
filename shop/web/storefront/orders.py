"""The page of an order, for whoever has its link."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from core.clock import now
from core.errors import DomainError, NotFound, Unavailable
from core.forms import add_refusal
from services.order_history import Actor
from services.order_services import cancel_order
from services.payment_services import NotPayable, refresh_payment, start_payment
from services.review_services import received_lines, remove_review, save_review
from services.stripe_gateway import PaymentProviderRefused
from shop.models import ActorKind, Order, OrderStatus, Product, Review
from shop.selectors.orders import order_head, order_page
from shop.selectors.pictures import thumbnails
from shop.selectors.reviews import reviews_from
from shop.web.storefront.forms import ReviewForm
from shop.web.storefront.page import Page

LOOKS = 12  # how often a page that waits for its payment looks again by itself
SECONDS_BETWEEN_LOOKS = 3


def on_to_payment(order: Order) -> HttpResponse:
    """To the page where this order is paid; to the order's own page where there is nothing to pay (now)."""
    page = reverse("storefront:order", args=[order.secret])
    if not order.total_minor:
        return redirect(page)
    try:
        payment = start_payment(order_id=order.pk)
    except NotPayable:
        return redirect(page)
    except (Unavailable, PaymentProviderRefused):
        return redirect(f"{page}?unavailable=1")
    return redirect(payment.checkout_url or page)


class OrderPage(Page):
    """Where the order stands, what is in it, what was paid and sent back."""

    template = "storefront/order.html"

    def get(self, request: HttpRequest, secret: str) -> HttpResponse:
        """The order. Back from the payment page it asks how the payment went, and looks again while it is open."""
        order = order_page(secret)
        looks = _number(request.GET.get("paid", ""))
        if looks and order.status == OrderStatus.PENDING:
            order = self._after_payment(order)
        return self.show_order(request, order, looks=looks)

    @staticmethod
    def _after_payment(order: Order) -> Order:
        try:
            refresh_payment(order)
        except DomainError:  # the webhook will tell; the page looks again
            return order
        return order_page(order.secret)

    def show_order(
        self, request: HttpRequest, order: Order, *, looks: int = 0, problem: str = "", status: int = 200
    ) -> HttpResponse:
        """The page; `looks` counts how often it looked after a payment."""
        is_pending = order.status == OrderStatus.PENDING
        failed = next((row.failure_message for row in order.payments.all() if row.failure_message), "")
        waits = is_pending and 0 < looks <= LOOKS and not failed
        return self.show(
            request,
            status=status,
            order=order,
            thumbnails=thumbnails(line.variant_id for line in order.lines.all()),
            steps=timeline(order),
            minutes_left=_minutes_until(order.deadline_at) if is_pending else None,
            failed=failed if is_pending else "",
            look_again=f"?paid={looks + 1}" if waits else "",
            seconds=SECONDS_BETWEEN_LOOKS,
            still_waiting=is_pending and looks > LOOKS,
            is_unavailable=is_pending and "unavailable" in request.GET,
            refunds=[refund for refund in order.refunds.all() if refund.status != "failed"],
            may_cancel=order.status in (OrderStatus.PENDING, OrderStatus.CONFIRMED)
            and not order.shipments.all(),
            problem=problem,
            **_reviews(order),
        )


def _reviews(order: Order) -> dict[str, Any]:
    """Products of the order that have arrived, and those of them that were reviewed; nothing is asked before that."""
    lines = {line.pk for line in order.lines.all()} if order.delivered_at else set()
    for parcel in order.shipments.all():
        if parcel.delivered_at:
            lines |= {line.order_line_id for line in parcel.lines.all()}
    received = {line.variant.product_id for line in order.lines.all() if line.pk in lines and line.variant}
    return {"reviewable": received, "reviewed": set(reviews_from(order)) if received else set()}


class ReviewPage(Page):
    """What the buyer thinks of a product that has arrived. The order's link is the proof."""

    template = "storefront/review.html"

    def get(self, request: HttpRequest, secret: str, product_id: UUID) -> HttpResponse:
        """The form, with what was written before. Raises NotFound."""
        order, review, product = self._asked(secret, product_id)
        initial = (
            {name: getattr(review, name) for name in ("rating", "title", "text", "author")} if review else {}
        )
        return self.show(
            request, order=order, product=product, review=review, form=ReviewForm(initial=initial)
        )

    def post(self, request: HttpRequest, secret: str, product_id: UUID) -> HttpResponse:
        """Publish, change or remove it."""
        order, review, product = self._asked(secret, product_id)
        if "remove" in request.POST:
            remove_review(product_id=product_id, order=order)
            return redirect("storefront:order", secret)
        form = ReviewForm(request.POST)
        if form.is_valid():
            try:
                save_review(product_id=product_id, order=order, **form.cleaned_data)
            except DomainError as refusal:
                add_refusal(form, refusal)
            else:
                return redirect(f"{reverse('storefront:product', args=[product.slug])}#reviews")
        return self.show(request, status=400, order=order, product=product, review=review, form=form)

    @staticmethod
    def _asked(secret: str, product_id: UUID) -> tuple[Order, Review | None, Product]:
        order = order_head(secret)
        for line in received_lines(order_id=order.pk, variant__product_id=product_id):
            if line.variant is not None:
                return order, reviews_from(order).get(product_id), line.variant.product
        raise NotFound(what="product")


class PayPage(Page):
    """The way to the payment page of an order that waits for it."""

    def get(self, request: HttpRequest, secret: str) -> HttpResponse:
        """A reload leads back to the order."""
        return redirect("storefront:order", secret)

    def post(self, request: HttpRequest, secret: str) -> HttpResponse:
        """Pay now."""
        return on_to_payment(order_head(secret))


class CancelPage(OrderPage):
    """Cancelling an order of which nothing was shipped."""

    def get(self, request: HttpRequest, secret: str) -> HttpResponse:
        """A reload leads back to the order."""
        return redirect("storefront:order", secret)

    def post(self, request: HttpRequest, secret: str) -> HttpResponse:
        """Cancel; what was paid is refunded."""
        order = order_head(secret)
        try:
            cancel_order(order_id=order.pk, actor=Actor(ActorKind.GUEST), reason="cancelled by the buyer")
        except DomainError:
            return self.show_order(
                request,
                order_page(secret),
                problem=_("This order cannot be cancelled any more."),
                status=409,
            )
        return redirect("storefront:order", secret)


def timeline(order: Order) -> list[dict[str, Any]]:
    """The steps of an order's way, each with its time once it was taken; a cancelled order ends there."""
    steps: list[tuple[str, datetime | None]] = [(_("Placed"), order.placed_at)]
    if order.status == OrderStatus.CANCELLED:
        if order.confirmed_at:
            steps.append((_("Confirmed"), order.confirmed_at))
        steps.append((_("Cancelled"), order.cancelled_at))
    else:
        steps += [
            (_("Confirmed"), order.confirmed_at),
            (_("Shipped"), order.shipped_at),
            (_("Delivered"), order.delivered_at),
        ]
    taken = [name for name, at in steps if at is not None]
    return [
        {"name": name, "at": at, "is_done": at is not None, "is_current": name == taken[-1]}
        for name, at in steps
    ]


def _minutes_until(moment: datetime) -> int:
    return max(0, -(-(moment - now()) // timedelta(minutes=1)))


def _number(text: str) -> int:
    return min(int(text), 99) if text.isascii() and text.isdigit() and len(text) < 4 else 0
