"""From outside: TLS for hosts that Souk serves and for no other, with the files that production runs."""

import json
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from stack.processes import Stack
from tests.deploy import caddy as real
from tests.deploy.caddy import Answer, Caddy

pytestmark = [pytest.mark.stack, pytest.mark.slow]
MARKETPLACE = "souk.example"
PRODUCTION = {
    "SECRET_KEY": "Sv8n2Qf0aJ5kLx7PzR3tYw9BcD1eGhMu4oTiNqXs6VbZ",
    "JWT_SIGNING_KEY": "kH3mW8rT1yUo5PaS9dFg2JzXc6VbN4qE7iLw0RtYsMn",
    "SOUK_SCHEME": "https",
    "SOUK_PORT": "443",
    "STRIPE_SECRET_KEY": "sk_test_nobody_is_asked",
    "STRIPE_API_BASE": "",
    "STRIPE_WEBHOOK_SECRETS": "whsec_nobody",
    "EMAIL_URL": "filemail:///tmp/souk-caddy-mail",
    "NUM_PROXIES": "1",
    "SOUK_DOMAIN_RESOLVER": "services.dns_services.FileResolver",
}
_numbers = count(1)


@dataclass
class Outside:
    """A stack in production's settings behind Caddy."""

    stack: Stack
    caddy: Caddy

    def publish(self, record: dict[str, str]) -> None:
        """A seller sets a record in DNS."""
        path = self.stack.data_dir / "dns.json"
        zone: dict[str, list[str]] = json.loads(path.read_text()) if path.exists() else {}
        zone.setdefault(record["name"], []).append(record["value"])
        path.write_text(json.dumps(zone))


@dataclass
class Shop:
    """A storefront and its owner, who speaks to the API through Caddy."""

    outside: Outside
    host: str
    token: str

    def api(self, method: str, path: str, body: Any = None) -> Answer:
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": f"key-{next(_numbers)}"}
        return self.outside.caddy.ask(
            self.host, f"/api/v1/seller/{path}", method=method, headers=headers, body=body
        )

    def claim(self, domain: str) -> dict[str, str]:
        """The record that proves it."""
        answer = self.api("POST", "domains", {"domain": domain})
        assert answer.status == 201, answer.text
        proof: dict[str, str] = answer.json()["proof"]
        return proof

    def prove(self, domain: str) -> None:
        self.outside.publish(self.claim(domain))
        answer = self.api("POST", f"domains/{domain}/check", {})
        assert answer.status == 200, answer.text


@pytest.fixture(scope="module")
def outside() -> Iterator[Outside]:
    real.installed()
    with (
        tempfile.TemporaryDirectory(prefix="souk-caddy-") as folder,
        Stack.fresh(
            own_postgres=True,
            fsync=False,
            pool_size=3,
            settings="config.settings.prod",
            marketplace_host=MARKETPLACE,
            extra_env=PRODUCTION,
        ) as stack,
    ):
        stack.start()
        stack.kill("worker")  # it would look for Stripe on the internet
        stack.manage("collectstatic", "--noinput", "-v0")
        stack.restart("web")
        stack.wait_ready(90)
        with real.running(upstream=stack.port, host=MARKETPLACE, folder=Path(folder)) as caddy:
            yield Outside(stack, caddy)


@pytest.fixture
def open_shop(outside):
    """Signs sellers up, through Caddy."""

    def signed_up(slug: str) -> Shop:
        body = {
            "email": f"{slug}@example.com", "password": "a-long-and-quiet-password", "name": slug.title(), "slug": slug,
        }  # fmt: skip
        answer = outside.caddy.ask(
            MARKETPLACE, "/api/v1/signup", method="POST", body=body, headers={"Idempotency-Key": slug}
        )
        assert answer.status == 201, answer.text
        return Shop(outside, f"{slug}.{MARKETPLACE}", answer.json()["access"])

    return signed_up


def refused(caddy: Caddy, host: str, *, name: str | None = None) -> bool:
    """No certificate, no handshake, no answer."""
    try:
        caddy.ask(host, name=name)
    except ssl.SSLError as error:
        return "ALERT" in str(error).upper()
    return False


def test_the_caddyfile_is_valid_as_production_and_as_these_tests_use_it(tmp_path):
    command = [real.installed(), "validate", "--adapter", "caddyfile", "--config", str(real.CADDYFILE)]
    ours = real.environment(upstream=1, http_port=2, https_port=3, folder=tmp_path, host=MARKETPLACE)
    asked = ("CADDY_OPTIONS", "CADDY_HTTP_PORT", "CADDY_HTTPS_PORT", "SOUK_UPSTREAM")
    for env in (ours, {name: value for name, value in ours.items() if name not in asked}):
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "Valid configuration" in done.stdout + done.stderr


def test_the_marketplace_and_a_storefront_are_served_with_a_certificate(outside, open_shop):
    shop = open_shop("kiln")
    for host in (MARKETPLACE, shop.host):
        answer = outside.caddy.ask(host)
        assert (answer.status, answer.issuer[:5]) == (200, "Caddy")
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"


def test_a_domain_has_a_certificate_from_its_proof_on_and_not_before(outside, open_shop):
    shop, domain = open_shop("atelier"), "atelier-ceramics.example"
    assert refused(outside.caddy, domain)
    record = shop.claim(domain)
    assert refused(outside.caddy, domain)
    assert shop.api("POST", f"domains/{domain}/check", {}).status == 409
    assert refused(outside.caddy, domain)
    assert not outside.caddy.has_certificate_for(domain)

    outside.publish(record)
    assert shop.api("POST", f"domains/{domain}/check", {}).status == 200

    answer = outside.caddy.ask(domain, "/cart")
    assert (answer.status, answer.issuer[:5]) == (301, "Caddy")
    assert answer.headers["Location"] == f"https://{shop.host}/cart"
    assert shop.api("PUT", f"domains/{domain}/primary", {}).status == 200
    answer = outside.caddy.ask(domain)
    assert answer.status == 200
    assert "Atelier" in answer.text
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert outside.caddy.has_certificate_for(domain)


@pytest.mark.parametrize(
    "host",
    ["nowhere.souk.example", "evil.example", "www.souk.example", "a.b.souk.example", "127.0.0.1", "localhost", "example",
     "souk.example.evil.example", "xn--souk.example"],
)  # fmt: skip
def test_no_other_host_has_a_certificate(outside, host):
    assert refused(outside.caddy, host)
    assert not outside.caddy.has_certificate_for(host)


def test_a_handshake_without_a_name_has_no_certificate(outside):
    assert refused(outside.caddy, MARKETPLACE, name="")


def test_a_removed_domain_serves_nobody_and_gets_no_certificate(outside, open_shop):
    shop, visited, never = open_shop("potter"), "visited.example", "never-visited.example"
    for domain in (visited, never):
        shop.prove(domain)
    assert outside.caddy.ask(visited, "/api/v1/products").status == 200
    for domain in (visited, never):
        assert shop.api("DELETE", f"domains/{domain}").status == 204

    assert refused(outside.caddy, never)
    # Caddy keeps the certificate that it has until it ends; behind it nothing is found any more.
    assert outside.caddy.ask(visited).status == outside.caddy.ask(visited, "/api/v1/products").status == 404


def test_pages_are_redirected_to_the_address_over_tls(outside, open_shop):
    shop, own, twin = open_shop("weaver"), "weaver.example", "www.weaver.example"
    for domain in (own, twin):
        shop.prove(domain)
    assert shop.api("PUT", f"domains/{own}/primary", {}).status == 200

    for host in (shop.host, twin):
        answer = outside.caddy.ask(host, "/cart?x=1")
        assert (answer.status, answer.headers["Location"]) == (301, f"https://{own}/cart?x=1")
        assert answer.headers["Cache-Control"] == "no-cache"
    page = outside.caddy.ask(own, "/cart?x=1")
    assert page.status == 200
    assert all("Secure" in value for name, value in page.headers.items() if name == "Set-Cookie")
    assert shop.api("DELETE", f"domains/{own}").status == 204
    assert outside.caddy.ask(shop.host).status == 200


def test_http_leads_to_https_at_the_same_host(outside, open_shop):
    shop = open_shop("glazer")
    shop.prove("glazer.example")
    for host in (MARKETPLACE, shop.host, "glazer.example"):
        answer = outside.caddy.ask_plainly(host, "/products/x?y=1")
        assert answer.status in (301, 308)
        assert answer.headers["Location"] in (
            f"https://{host}/products/x?y=1", f"https://{host}:{outside.caddy.https_port}/products/x?y=1",
        )  # fmt: skip


def test_what_a_visitor_claims_in_headers_chooses_neither_storefront_nor_address(outside, open_shop):
    a, b = open_shop("amaranth"), open_shop("bergamot")
    a.prove("amaranth.example")
    assert a.api("PUT", "domains/amaranth.example/primary", {}).status == 200
    for name in ("X-Forwarded-Host", "X-Host", "X-Original-Host", "Forwarded"):
        value = f"host={b.host}" if name == "Forwarded" else b.host
        page = outside.caddy.ask("amaranth.example", headers={name: value})
        assert page.status == 200
        assert "Amaranth" in page.text
        assert "Bergamot" not in page.text
        assert b.host not in page.text
    # http in the header would make cookies travel in the clear, and addresses begin with http.
    page = outside.caddy.ask("amaranth.example", "/sitemap.xml", headers={"X-Forwarded-Proto": "http"})
    assert "http://amaranth" not in page.text
    assert "https://amaranth.example/" in page.text
    # Host decides, whatever name the handshake had.
    assert "Bergamot" in outside.caddy.ask(b.host, name="amaranth.example").text
    assert outside.caddy.ask("nowhere.example", name="amaranth.example").status == 404


def test_a_visitor_cannot_choose_the_address_they_are_counted_by(outside):
    """Sign-in counts failed tries by address: with a new X-Forwarded-For for each, none would be too many."""
    statuses = []
    for number in range(60):
        answer = outside.caddy.ask(
            MARKETPLACE,
            "/api/v1/auth/token",
            method="POST",
            body={"email": f"nobody{number}@example.com", "password": "wrong"},
            headers={"X-Forwarded-For": f"203.0.113.{number}"},
        )
        statuses.append(answer.status)
        if answer.status == 429:
            break
    assert statuses[-1] == 429, statuses


@pytest.mark.parametrize(
    "path",
    ["/internal/tls-ask?domain=souk.example", "/internal", "/internal/", "/metrics", "/metrics/x", "/readyz", "/healthz",
     "/%69nternal/tls-ask?domain=souk.example", "/INTERNAL/tls-ask?domain=souk.example", "//internal/tls-ask?domain=souk.example",
     "/internal//tls-ask?domain=souk.example", "/x/../internal/tls-ask?domain=souk.example", "/./readyz", "/readyz/",
     "/internal%2ftls-ask?domain=souk.example"],
)  # fmt: skip
def test_what_is_for_programs_inside_is_not_there(outside, path):
    answer = outside.caddy.ask(MARKETPLACE, path)
    assert answer.status in (404, 301, 308), answer.text
    assert '"ready"' not in answer.text
    assert answer.text != "ok"
