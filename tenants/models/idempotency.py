from core.models import IdempotencyKeyBase


class IdempotencyKey(IdempotencyKeyBase):
    """Requests on the marketplace host that must have one effect."""
