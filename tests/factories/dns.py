"""DNS as a test wants it: chosen by `settings.DOMAIN_RESOLVER`."""

from collections.abc import Callable

from core.db import must_be_outside_transaction
from services.dns_services import DnsUnavailable
from tenants.models import DomainClaim
from tenants.own_domains import record_name, record_value

PATH = "tests.factories.dns.TestResolver"


class TestResolver:
    """What stands in `zone`; `weather` names servers that do not answer; `asked` is what was asked for."""

    __test__ = False
    zone: dict[str, list[str]] = {}
    weather: set[str] = set()
    asked: list[str] = []
    on_ask: Callable[[], None] | None = None

    def txt_records(self, name: str) -> list[str]:
        """See Resolver."""
        must_be_outside_transaction()
        type(self).asked.append(name)
        if name in self.weather:
            raise DnsUnavailable(retry_after=60, name=name)
        found = list(self.zone.get(name, []))
        if self.on_ask is not None:
            type(self).on_ask()
        return found

    @classmethod
    def forget(cls) -> type["TestResolver"]:
        """An empty internet."""
        cls.zone, cls.weather, cls.asked, cls.on_ask = {}, set(), [], None
        return cls

    @classmethod
    def publish(cls, claim: DomainClaim) -> None:
        """The seller sets the record, beside those that stand there."""
        cls.zone.setdefault(record_name(claim.domain), []).append(record_value(claim.token))

    @classmethod
    def withdraw(cls, claim: DomainClaim) -> None:
        """The seller deletes it."""
        cls.zone[record_name(claim.domain)].remove(record_value(claim.token))
