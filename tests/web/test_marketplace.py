"""The marketplace's pages: the front door, signing up without JavaScript, proving a mailbox."""

import pytest
from django.conf import settings
from django.test import Client

from services.auth_services import mailbox_proof
from tenants.models import Tenant, User
from tests.factories.tenants import PASSWORD, make_user

FORM = {
    "name": "Kiln & Linen",
    "slug": "kiln-and-linen",
    "email": "kiln@example.com",
    "password": "a-long-and-quiet-password",
    "country": "DE",
    "currency": "EUR",
}


@pytest.fixture
def browser(db) -> Client:
    """A seller's browser on the marketplace host."""
    return Client(HTTP_HOST=settings.MARKETPLACE_HOST)


def test_the_front_page_states_the_terms_in_force(browser):
    text = browser.get("/").content.decode()

    assert "Souk keeps 10 % and €0.30 of a sale." in text
    assert "−€6.30" in text
    assert "€53.70" in text


def test_sign_up_ends_in_the_new_storefront_signed_in(browser):
    response = browser.post("/signup", FORM)

    tenant = Tenant.objects.get(slug="kiln-and-linen")
    shop = Client(HTTP_HOST=tenant.host)
    assert response.status_code == 302
    assert response["Location"].startswith(f"{tenant.url}/dashboard/arrive?ticket=")
    arrived = shop.get(response["Location"].removeprefix(tenant.url))
    assert (arrived.status_code, arrived["Location"]) == (302, "/dashboard")
    assert "Kiln &amp; Linen is open" in shop.get("/dashboard").content.decode()
    assert "Kiln &amp; Linen has just opened." in shop.get("/").content.decode()


def test_sign_up_sent_twice_is_one_storefront(browser):
    assert {browser.post("/signup", FORM).status_code for _ in range(2)} == {302}
    assert Tenant.objects.filter(slug="kiln-and-linen").count() == 1


def test_a_ticket_lets_one_browser_in_on_one_host_and_only_once(browser, tenant):
    ticket = browser.post("/signup", FORM)["Location"].partition("/dashboard/")[2]
    first, second, elsewhere = (
        Client(HTTP_HOST=host) for host in (*2 * [f"kiln-and-linen.{settings.MARKETPLACE_HOST}"], tenant.host)
    )

    assert "session" not in elsewhere.get(f"/dashboard/{ticket}").cookies
    assert "session" in first.get(f"/dashboard/{ticket}").cookies
    again = second.get(f"/dashboard/{ticket}")
    assert (again["Location"], "session" in again.cookies) == ("/dashboard/sign-in", False)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": ""}, "This field is required."),
        ({"slug": "admin"}, "This address is reserved"),
        ({"slug": "a b"}, "Use 3 to 40 small letters"),
        ({"email": "nobody"}, "Enter a valid email address."),
        ({"password": "12345678"}, "This password is"),
        ({"currency": "XXX"}, "Select a valid choice."),
        ({"country": "<b>"}, "Select a valid choice."),
    ],
)
def test_what_is_wrong_stands_beside_its_field_and_nothing_is_opened(browser, changes, said):
    response = browser.post("/signup", {**FORM, **changes})

    assert response.status_code in (400, 409)
    assert said in response.content.decode()
    assert "a-long-and-quiet-password" not in response.content.decode()
    assert not Tenant.objects.filter(name="Kiln & Linen").exists()


def test_a_known_address_needs_its_own_password(browser):
    make_user("kiln@example.com")

    assert browser.post("/signup", {**FORM, "password": "another-quiet-password"}).status_code == 409
    assert browser.post("/signup", {**FORM, "password": PASSWORD}).status_code == 302


def test_a_link_from_a_mail_sets_the_password_once(browser):
    user = make_user("seller@example.com")
    form = {"proof": mailbox_proof(email=user.email, tenant=None), "password": "quiet-evening-tea"}

    assert browser.post("/account/confirm", form).status_code == 200
    assert User.objects.get(pk=user.pk).check_password("quiet-evening-tea")
    assert browser.post("/account/confirm", form).status_code == 400


def test_people_get_a_page_and_programs_a_problem(browser):
    assert "This page is not here" in browser.get("/nowhere").content.decode()
    assert browser.get("/api/v1/nowhere")["Content-Type"] == "application/problem+json"


def test_unknown_hosts_all_get_the_same_answer(browser):
    answers = {
        (response.status_code, response.content)
        for host in ("nobody.souk.localhost", "example.org", "1.2.3.4")
        for path in ("/", "/cart", "/api/v1/products")
        for response in [browser.get(path, HTTP_HOST=host)]
    }

    assert len(answers) == 1
    assert answers.pop()[0] == 404
