"""What DNS says: the one question that Souk asks it, and who answers (`settings.DOMAIN_RESOLVER`)."""

import json
from collections.abc import Sequence
from functools import cache
from typing import Protocol

import dns.exception
import dns.resolver
from django.conf import settings
from django.utils.module_loading import import_string
from django.utils.translation import gettext_noop

from core.db import must_be_outside_transaction
from core.errors import Unavailable

SERVER_SECONDS, ALL_SECONDS = 2.0, 6.0  # for one server's answer; for all of them together


class DnsUnavailable(Unavailable):
    """DNS did not answer, which says nothing about what stands there. Facts: name, retry_after."""

    code = "dns_unavailable"
    title = gettext_noop("DNS could not be asked")
    detail = gettext_noop(
        "The servers of {name} did not answer. Nothing is changed; try again in {retry_after} seconds."
    )


class Resolver(Protocol):
    """Whoever answers for DNS. Made once per process, used by many threads."""

    def txt_records(self, name: str) -> list[str]:
        """The TXT records of a name, each in one piece; none where there is no such name. Raises DnsUnavailable."""


class SystemResolver:
    """The name servers of this machine (/etc/resolv.conf), as dnspython asks them; or those that are named."""

    def __init__(self, *, servers: Sequence[str] = (), port: int = 53) -> None:
        self._servers, self._port = list(servers), port

    def txt_records(self, name: str) -> list[str]:
        """See Resolver."""
        try:
            resolver = dns.resolver.Resolver(configure=not self._servers)
            resolver.nameservers, resolver.port = self._servers or resolver.nameservers, self._port
            resolver.timeout, resolver.lifetime = SERVER_SECONDS, ALL_SECONDS
            answer = resolver.resolve(f"{name}.", "TXT", search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (dns.exception.DNSException, OSError) as error:
            raise DnsUnavailable(retry_after=60, name=name) from error
        return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]


class FileResolver:
    """The records in `dns.json` of the data folder, name by name: {"_souk.shop.example": ["..."]}. For development and tests."""

    def txt_records(self, name: str) -> list[str]:
        """See Resolver. A file that is not there, or cannot be read, is DNS that does not answer."""
        try:
            zone: dict[str, list[str]] = json.loads((settings.DATA_DIR / "dns.json").read_text("utf-8"))
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            raise DnsUnavailable(retry_after=60, name=name) from error
        return zone.get(name, [])


@cache
def _resolver(path: str) -> Resolver:
    made: Resolver = import_string(path)()
    return made


def txt_records(name: str) -> list[str]:
    """The TXT records of a name. Talks to the network, so never in a transaction. Raises DnsUnavailable."""
    must_be_outside_transaction()
    return _resolver(settings.DOMAIN_RESOLVER).txt_records(name)
