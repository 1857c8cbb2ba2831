from core.models import IdempotencyKeyBase


class IdempotencyKey(IdempotencyKeyBase):
    """Requests on this storefront that must have one effect."""
