"""One order: what it is, what became of it, and what can be done about it."""

from http import HTTPStatus
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_fsm import TransitionNotAllowed

from core.ids import new_secret
from services.earnings_services import explain_earnings
from services.order_invoice_services import is_invoiceable
from services.order_note_services import add_note, mark_looked_at
from services.order_services import cancel_order, deliver_order
from services.payment_services import capture_payment, void_order_payment
from services.refund_preview_services import preview_refund
from services.refund_services import RefundChanged, request_refund
from services.shipping_services import ship_order
from shop.models import ActorKind, OrderStatus
from shop.selectors.order_pages import OrderInFull, order_in_full
from shop.selectors.pictures import thumbnails
from shop.web.dashboard.frame import StaffPage, back, say
from shop.web.dashboard.order_forms import (
    CARRIERS,
    CaptureForm,
    NoteForm,
    ReasonForm,
    RefundForm,
    SentRefundForm,
    ShipForm,
)
from shop.web.dashboard.order_words import WHERE, earned_parts, timeline
from tenants.permissions import EVERYONE, FULFILLERS, MANAGERS, SUPPORTERS
from tenants.selectors import names_of


class OrderPage(StaffPage):
    """An order with everything there is to know of it."""

    template = "dashboard/order.html"
    section = "orders"
    changes: ClassVar = {
        "ship": FULFILLERS,
        "deliver": FULFILLERS,
        "cancel": SUPPORTERS,
        "capture": MANAGERS,
        "void": MANAGERS,
        "note": EVERYONE,
        "looked-at": SUPPORTERS,
    }
    done: ClassVar = {
        "shipped": gettext_lazy("The parcel is noted. The buyer is told."),
        "delivered": gettext_lazy("The order is delivered."),
        "cancelled": gettext_lazy("The order is cancelled. The buyer is told."),
        "refund": gettext_lazy("The refund is on its way."),
        "captured": gettext_lazy("The payment is captured."),
        "let-go": gettext_lazy("The payment is let go and the order cancelled."),
        "note": gettext_lazy("The note is kept."),
    }

    def get(self, request: HttpRequest, order_id: UUID) -> HttpResponse:
        """Raises NotFound."""
        return self.show_again(request, order_id=order_id)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """As every page does it; what the order's state does not allow (any more) is said on the page."""
        try:
            return super().post(request, *args, **kwargs)
        except TransitionNotAllowed:
            problem = _("This cannot be done: the order has moved on meanwhile. This is how it is now.")
            return self.show_again(request, problem=problem, status=HTTPStatus.CONFLICT, **kwargs)

    def show_again(self, request: HttpRequest, *args: Any, order_id: UUID, **context: Any) -> HttpResponse:
        """The page, as the order is now, with the form that was sent as it was filled in."""
        full = order_in_full(order_id)
        order = full.order
        people = names_of(event.actor_id for event in full.events if event.actor_kind == ActorKind.SELLER)
        return self.show(
            request,
            full=full,
            order=order,
            thumbnails=thumbnails(full.variant_ids),
            timeline=timeline(order, full.events, people),
            carriers=CARRIERS,
            can=what_can_be_done(full),
            **{
                "ship_form": ShipForm(self.sent(request, "ship"), lines=full.lines),
                "cancel_form": ReasonForm(self.sent(request, "cancel"), prefix="cancel"),
                "capture_form": CaptureForm(self.sent(request, "capture"), currency=order.currency),
                "note_form": NoteForm(self.sent(request, "note")),
                **context,
            },
        )

    def sent(self, request: HttpRequest, action: str) -> Any:
        """What was typed into the form of this action, if it is the one that was sent."""
        return request.POST if request.POST.get("action") == action else None

    def refuse(self, request: HttpRequest, order_id: UUID) -> HttpResponse:
        """Something was typed that makes no sense: the page, with what beside each field."""
        return self.show_again(request, order_id=order_id, status=HTTPStatus.BAD_REQUEST)

    def do_ship(self, request: HttpRequest, order_id: UUID) -> HttpResponse:
        """A parcel with so many units of each line."""
        form = ShipForm(request.POST, lines=order_in_full(order_id).lines)
        if not form.is_valid():
            return self.refuse(request, order_id)
        ship_order(
            order_id=order_id,
            carrier=form.cleaned_data["carrier"],
            tracking_number=form.cleaned_data["tracking_number"],
            tracking_url=form.cleaned_data["tracking_url"],
            quantities=form.units(),
            actor=self.actor,
        )
        return back("order", order_id, done="shipped")

    def do_deliver(self, request: HttpRequest, order_id: UUID) -> HttpResponse:
        """Everything has arrived."""
        deliver_order(order_id=order_id, actor=self.actor)
        return back("order", order_id, done="delivered")

    def do_cancel(self, request: HttpRequest, order_id: UUID) -> HttpResponse:
        """Nothing of it is sent; stock and money go back."""
        form = ReasonForm(request.POST, prefix="cancel")
        if not form.is_valid():
            return self.refuse(request, order_id)
        cancel_order(order_id=order_id, actor=self.actor, reason=form.cleaned_data["reason"])
        return back("order", order_id, done="cancelled")

    def do_capture(self, request: HttpRequest, order_id: UUID) -> HttpResponse:
        """Take what was authorised, or a part of it."""
        form = CaptureForm(request.POST, currency=order_in_full(order_id).order.currency)
        if not form.is_valid():
            return self.refuse(request, order_id)
        capture_payment(order_id=order_id, amount_minor=form.cleaned_data["amount"], actor=self.actor)
        return back("order", order_id, done="captured")

    def do_void(self, request: HttpRequest, order_id: UUID) -> HttpResponse:
        """Let an authorisation go; the order is cancelled with it."""
        order_in_full(order_id)
        void_order_payment(order_id=order_id, actor=self.actor)
        return back("order", order_id, done="let-go")

    def do_note(self, request: HttpRequest, order_id: UUID) -> HttpResponse:
        """Keep a note."""
        form = NoteForm(request.POST)
        if not form.is_valid():
            return self.refuse(request, order_id)
        add_note(order_id=order_id, text=form.cleaned_data["text"], actor=self.actor)
        return back("order", order_id, done="note", anchor="history")

    def do_looked_at(self, request: HttpRequest, order_id: UUID) -> HttpResponse:
        """What needed attention has had it."""
        mark_looked_at(order_id=order_id, actor=self.actor)
        return back("order", order_id, done="saved")


def what_can_be_done(full: OrderInFull) -> dict[str, bool]:
    """What the order's state allows; roles are the page's own business."""
    order = full.order
    return {
        "ship": order.status == OrderStatus.CONFIRMED and full.units_to_ship > 0,
        "deliver": order.status == OrderStatus.SHIPPED,
        "cancel": order.status in (OrderStatus.PENDING, OrderStatus.CONFIRMED) and not full.parcels,
        "refund": full.refundable_minor > 0 and not full.has_open_dispute,
        "capture": full.authorised is not None and order.status != OrderStatus.CANCELLED,
        "pack": order.status not in (OrderStatus.PENDING, OrderStatus.CANCELLED),
        "invoice": is_invoiceable(order, is_paid=full.captured is not None),
    }


class RefundPage(StaffPage):
    """A refund: what of, then what it comes to, then it is sent."""

    template = "dashboard/order_refund.html"
    section = "orders"
    roles = SUPPORTERS
    changes: ClassVar = {"preview": SUPPORTERS, "edit": SUPPORTERS, "refund": SUPPORTERS}

    def get(self, request: HttpRequest, order_id: UUID) -> HttpResponse:
        """The form. Raises NotFound."""
        return self.show_again(request, order_id=order_id)

    def show_again(self, request: HttpRequest, *args: Any, order_id: UUID, **context: Any) -> HttpResponse:
        """The form, as it was filled in."""
        full = order_in_full(order_id)
        form = context.pop("form", None) or self.form(full, request.POST or None)
        return self.show(
            request,
            full=full,
            order=full.order,
            form=form,
            thumbnails=thumbnails(full.variant_ids),
            can=what_can_be_done(full),
            **context,
        )

    def form(self, full: OrderInFull, sent: Any) -> RefundForm:
        """For the lines of this order."""
        return RefundForm(sent, lines=full.lines, currency=full.order.currency)

    def do_edit(self, request: HttpRequest, order_id: UUID) -> HttpResponse:
        """From the preview back to the form."""
        return self.show_again(request, order_id=order_id)

    def do_preview(
        self, request: HttpRequest, order_id: UUID, *, problem: str = "", status: int = HTTPStatus.OK
    ) -> HttpResponse:
        """What it comes to, with a key of its own: sent twice it is one refund."""
        full = order_in_full(order_id)
        form = self.form(full, request.POST)
        if not form.is_valid():
            return self.show_again(request, order_id=order_id, form=form, status=HTTPStatus.BAD_REQUEST)
        preview = preview_refund(order_id=order_id, **form.arguments(refundable_minor=full.refundable_minor))
        restock = {line.variant_id: line.quantity for line in form.restock()}
        self.template = "dashboard/order_refund_preview.html"
        return self.show(
            request,
            full=full,
            order=full.order,
            form=form,
            preview=preview,
            parts=[(part, restock.get(part.line.variant_id, 0)) for part in preview.taken],
            kept=[(name, value) for name, value in request.POST.items() if name in form.fields],
            key=new_secret(),
            problem=problem,
            status=status,
        )

    def do_refund(self, request: HttpRequest, order_id: UUID) -> HttpResponse:
        """Promise it. Where it comes to something else by now, the new preview is shown instead."""
        full, sent = order_in_full(order_id), SentRefundForm(request.POST)
        form = self.form(full, request.POST)
        key = f"dashboard:{order_id}:{sent.cleaned_data['key']}" if sent.is_valid() else ""
        if key and any(row.refund.request_key == key for row in full.refunds):
            return back("order", order_id, done="refund")  # a second press of the button
        if not key or not form.is_valid():
            return self.do_preview(request, order_id, status=HTTPStatus.BAD_REQUEST)
        try:
            request_refund(
                order_id=order_id,
                reason=form.cleaned_data["reason"],
                actor=self.actor,
                restock=form.restock(),
                request_key=key,
                expected_minor=sent.cleaned_data["expected"],
                **form.arguments(refundable_minor=full.refundable_minor),
            )
        except RefundChanged as refusal:
            return self.do_preview(request, order_id, problem=say(refusal), status=HTTPStatus.CONFLICT)
        return back("order", order_id, done="refund")


class EarningsPage(StaffPage):
    """What an order earns, and why it is not paid yet."""

    template = "dashboard/order_earnings.html"
    section = "orders"
    roles = MANAGERS

    def get(self, request: HttpRequest, order_id: UUID) -> HttpResponse:
        """Raises NotFound."""
        earnings = explain_earnings(order_id=order_id)
        tone, where = WHERE.get(earnings.state, ("mute", earnings.state))
        return self.show(
            request,
            order=order_in_full(order_id).order,
            earnings=earnings,
            parts=earned_parts(earnings.parts),
            where=where,
            tone=tone,
        )
