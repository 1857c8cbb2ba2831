"""Text as people type it, and the API's own documents."""

import unicodedata

import pytest
from django.core.management import call_command
from django.test import Client

from shop.models import Product
from tests.api.test_validation import refused
from tests.factories.shop import ADDRESS, make_cart, make_variant

HOST = {"HTTP_HOST": "souk.localhost"}
INVISIBLE = ["\u202e", "\u2066", "\u200b", "\u200d", "\u2060", "\ufeff", "\x07", "\x1b[31m", "\x7f"]


@pytest.mark.parametrize("char", INVISIBLE, ids=ascii)
def test_invisible_and_bidi_characters_are_refused_in_names(guest, seller, buyer, serving, char):
    text = f"Sho{char}es"
    product = {"title": text, "variants": [{"price_minor": 1}]}
    order = {"cart": make_cart((make_variant(), 1)).token, "email": "a@example.com"}

    refused(seller.post("seller/products", product))
    refused(buyer("PATCH", "me", {"name": text}))
    refused(guest.post("checkout", {**order, "shipping_address": {**ADDRESS, "name": text}}, key="k"))


@pytest.mark.parametrize("char", ["\r", "\n", "\r\nBcc: x@example.com", "\t", "\u2028", "\x85"], ids=ascii)
def test_a_name_is_one_line(seller, buyer, serving, char):
    refused(seller.post("seller/products", {"title": f"Sho{char}es", "variants": [{"price_minor": 1}]}))
    refused(buyer("PATCH", "me", {"name": f"Ada{char}L"}))


def test_text_is_stored_composed_so_that_twins_are_one_spelling(seller, serving):
    for form in ("NFC", "NFD"):
        title = unicodedata.normalize(form, "Café")
        answer = seller.post("seller/products", {"title": title, "variants": [{"price_minor": 1}]})
        assert answer.json()["title"] == unicodedata.normalize("NFC", "Café")

    assert Product.objects.filter(title=unicodedata.normalize("NFC", "Café")).count() == 2
    assert len(set(Product.objects.values_list("slug", flat=True))) == 2


def test_an_address_for_mail_is_one_whatever_its_spelling(guest, serving):
    order = {"cart": make_cart((make_variant(), 1)).token, "shipping_address": ADDRESS}

    refused(guest.post("checkout", {**order, "email": "ada@example.com\nBcc: eve@example.com"}, key="k"))
    refused(guest.post("checkout", {**order, "email": "ada@example.com\x00"}, key="k"))
    refused(guest.post("checkout", {**order, "email": "ada"}, key="k"))


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    ("path", "statuses"),
    [
        ("nowhere", [404]),
        ("seller/orders", [200, 403, 405]),
        ("me", [200, 400, 405]),
        ("carts/x", [404, 405]),
    ],
)
def test_every_refusal_is_a_problem_document(buyer, serving, method, path, statuses):
    answer = buyer(method, path, {} if method not in ("GET", "DELETE") else None)
    if answer.status_code != 200:
        refused(answer, *statuses)


def test_without_a_token_the_refusal_says_how_to_sign_in(guest, serving):
    answer = guest.get("me")

    refused(answer, 401)
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer a b", "Bearer x.y.z", "Bearer \xff", "Bearer " + "a" * 5000]
)
def test_a_token_that_is_none_is_refused(guest, serving, header):
    refused(guest.get("me", HTTP_AUTHORIZATION=header), 401)


@pytest.mark.parametrize("urlconf", ["config.urls_tenant_api", "config.urls_public_api"])
def test_the_document_of_each_face_is_made_without_a_warning(urlconf, tmp_path):
    call_command(
        "spectacular", urlconf=urlconf, fail_on_warn=True, validate=True, file=str(tmp_path / "document.yaml")
    )
    assert "/api/v1/" in (tmp_path / "document.yaml").read_text()


@pytest.mark.parametrize("face", ["marketplace", "storefront"])
def test_the_documents_are_read_on_the_marketplace_host_and_nowhere_else(guest, db, face):
    for page in ("schema", "docs"):
        assert Client().get(f"/api/{page}/{face}", **HOST).status_code == 200
        assert Client().get(f"/api/{page}/{face}", **guest.headers).status_code == 404
