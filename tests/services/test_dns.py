"""What DNS is asked, and what its answers mean: an answer, no such thing, or weather."""

import json
import socket
import threading
from collections.abc import Iterator

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from django.db import transaction

from core.db import InTransaction
from services import dns_services
from services.dns_services import DnsUnavailable, FileResolver, SystemResolver, txt_records
from tests.factories import dns as fake
from tests.factories.dns import TestResolver


def answer_to(query: dns.message.Message) -> dns.message.Message | None:
    """A name server with a name for each of its moods."""
    response = dns.message.make_response(query)
    response.flags |= dns.flags.AA | dns.flags.RA
    name = query.question[0].name
    match name.labels[0]:
        case b"silent":
            return None
        case b"failing":
            response.set_rcode(dns.rcode.SERVFAIL)
        case b"nobody":
            response.set_rcode(dns.rcode.NXDOMAIN)
        case b"two":
            response.answer = [
                dns.rrset.from_text(name, 60, "IN", "TXT", '"souk-verifi" "cation=abc"', '"other \\195\\188"')
            ]
        case b"elsewhere":
            response.answer = [
                dns.rrset.from_text(name, 60, "IN", "CNAME", "two.example."),
                dns.rrset.from_text("two.example.", 60, "IN", "TXT", '"there"'),
            ]
    return response


@pytest.fixture
def resolver(monkeypatch) -> Iterator[SystemResolver]:
    """Souk's resolver, with a real name server on this machine to ask."""
    monkeypatch.setattr(dns_services, "SERVER_SECONDS", 0.3)
    monkeypatch.setattr(dns_services, "ALL_SECONDS", 0.6)
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            raw, asker = server.recvfrom(4096)
            if raw == b"end":
                return
            if (response := answer_to(dns.message.from_wire(raw))) is not None:
                server.sendto(response.to_wire(), asker)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield SystemResolver(servers=["127.0.0.1"], port=server.getsockname()[1])
    server.sendto(b"end", server.getsockname())
    thread.join()
    server.close()


def test_records_are_read_in_one_piece(resolver):
    assert sorted(resolver.txt_records("two.example")) == ["other ü", "souk-verification=abc"]
    assert resolver.txt_records("elsewhere.example") == ["there"]


@pytest.mark.parametrize("name", ["nobody.example", "empty.example"])
def test_no_such_name_and_no_such_record_are_none(resolver, name):
    assert resolver.txt_records(name) == []


@pytest.mark.parametrize("name", ["silent.example", "failing.example", "x" * 64 + ".example", "a..example"])
def test_no_answer_is_weather_and_not_none(resolver, name):
    with pytest.raises(DnsUnavailable) as refusal:
        resolver.txt_records(name)
    assert refusal.value.facts == {"retry_after": 60, "name": name}


def test_a_machine_without_name_servers_is_weather(monkeypatch):
    monkeypatch.setattr(
        "dns.resolver.Resolver.read_resolv_conf", lambda self, f: setattr(self, "nameservers", [])
    )
    with pytest.raises(DnsUnavailable):
        SystemResolver().txt_records("two.example")


def test_dns_is_never_asked_in_a_transaction(committed, settings):
    settings.DOMAIN_RESOLVER = fake.PATH
    TestResolver.forget()
    assert txt_records("x.example") == []
    with transaction.atomic(), pytest.raises(InTransaction):
        txt_records("x.example")


def test_the_file_resolver_says_what_its_file_says(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    assert FileResolver().txt_records("a.example") == []
    (tmp_path / "dns.json").write_text(json.dumps({"a.example": ["one", "two"]}))
    assert FileResolver().txt_records("a.example") == ["one", "two"]
    assert FileResolver().txt_records("b.example") == []
    (tmp_path / "dns.json").write_text("{")
    with pytest.raises(DnsUnavailable):
        FileResolver().txt_records("a.example")
