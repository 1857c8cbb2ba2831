"""What a server is told when it starts."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """How one server behaves. Times are seconds; the fee is `fee_bps` of the amount plus `fee_fixed` minor units."""

    state: str = ":memory:"
    public_url: str = "http://127.0.0.1:12111"
    webhook_url: str | None = None
    webhook_host: str | None = None
    webhook_secret: str = "whsec_local"
    connect_webhook_url: str | None = None
    connect_webhook_secret: str | None = None
    webhook_backoff: float = 1.0
    webhook_concurrency: int = 1
    webhook_timeout: float = 20.0
    funds_after_seconds: int = 172_800
    fee_bps: int = 290
    fee_fixed: int = 30

    def endpoint(self, *, connect: bool) -> tuple[str, str] | None:
        """URL and signing secret for an event, or None when it is sent nowhere."""
        url = (self.connect_webhook_url or self.webhook_url) if connect else self.webhook_url
        if url is None:
            return None
        secret = (self.connect_webhook_secret or self.webhook_secret) if connect else self.webhook_secret
        return url, secret
