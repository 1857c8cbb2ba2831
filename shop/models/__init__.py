"""One seller's schema: catalogue, stock, carts, promotions, orders, payments, shipments, reviews, pages, notifications,
and what the staff keeps: saved views, long work.

No foreign key leaves the schema: people and the tenant are plain ids, checked in services.
"""

from shop.models.address import Address
from shop.models.cart import Cart, CartLine
from shop.models.catalogue import Category, Product, ProductImage, Variant
from shop.models.idempotency import IdempotencyKey
from shop.models.inventory import InventoryItem, InventoryMovement, MovementKind
from shop.models.invoice import OrderInvoice
from shop.models.notification import MailState, Notification
from shop.models.operation import Operation
from shop.models.order import ActorKind, CancelReason, Order, OrderEvent, OrderLine, OrderStatus
from shop.models.page import StaticPage
from shop.models.payment import Payment, PaymentAttempt, PaymentStatus
from shop.models.promotion import Promotion, PromotionKind, PromotionRedemption
from shop.models.refund import CreditKind, CreditLine, Refund, RefundStatus
from shop.models.review import Review, ReviewStatus
from shop.models.saved_view import SavedView
from shop.models.shipment import Shipment, ShipmentLine, ShippingRate

__all__ = [
    "ActorKind",
    "Address",
    "CancelReason",
    "Cart",
    "CartLine",
    "Category",
    "CreditKind",
    "CreditLine",
    "IdempotencyKey",
    "InventoryItem",
    "InventoryMovement",
    "MailState",
    "MovementKind",
    "Notification",
    "Operation",
    "Order",
    "OrderEvent",
    "OrderInvoice",
    "OrderLine",
    "OrderStatus",
    "Payment",
    "PaymentAttempt",
    "PaymentStatus",
    "Product",
    "ProductImage",
    "Promotion",
    "PromotionKind",
    "PromotionRedemption",
    "Refund",
    "RefundStatus",
    "Review",
    "ReviewStatus",
    "SavedView",
    "Shipment",
    "ShipmentLine",
    "ShippingRate",
    "StaticPage",
    "Variant",
]
