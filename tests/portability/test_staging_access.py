"""A staging copy is its team's: nobody else sees it, no search engine keeps it, and every page says what it is."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from core.clock import now
from services.directory_services import rebuild_directory
from services.staging_services import copy_to_staging
from shop.models import Order, Product
from tenants.context import tenant_scope
from tenants.models import AuditEntry, ListedStorefront, Operation, Tenant
from tests.api.conftest import Api
from tests.desk.conftest import Desk
from tests.factories.jobs import run_jobs
from tests.factories.shop import make_order, make_product
from tests.factories.tenants import PASSWORD, make_operator, make_user, owner_of
from tests.portability.support import fill
from tests.web.test_storefront import Browser

pytestmark = pytest.mark.usefixtures("archives", "committed")
BANNER = "This is a staging copy"


@pytest.fixture
def staging(tenant, stripe_local) -> Tenant:
    fill(tenant, stripe_local)
    return copy_to_staging(tenant_id=tenant.pk, actor_id=None).tenant


def signed_in(tenant: Tenant, user) -> Browser:
    browser = Browser(tenant)
    browser.post("/account/sign-in", {"email": user.email, "password": PASSWORD})
    return browser


@pytest.mark.parametrize(
    "path", ["/", "/cart", "/checkout", "/search/suggest?q=tea", "/sitemap.xml", "/account"]
)
def test_a_buyer_is_sent_to_the_sign_in_page(staging, path):
    answer = Browser(staging).get(path)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/account/sign-in?next=")


def test_so_is_whoever_has_a_link_to_an_order_or_a_product(staging):
    with tenant_scope(staging):
        secret, slug = Order.objects.first().secret, Product.objects.first().slug
    for path in (f"/orders/{secret}", f"/products/{slug}"):
        assert Browser(staging).get(path).status_code == 302


def test_an_account_that_does_not_work_here_sees_nothing(staging):
    answer = signed_in(staging, make_user(email_verified_at=now())).get("/")
    assert answer.status_code == 403
    assert "for its team only" in answer.content.decode()


def test_a_member_sees_it_and_every_page_says_what_it_is(staging, tenant):
    browser = signed_in(staging, owner_of(tenant))
    assert BANNER in browser.get("/").content.decode()
    assert BANNER in browser.get("/dashboard").content.decode()
    assert BANNER not in Browser(tenant).get("/").content.decode()


@pytest.mark.parametrize(
    "section", ["orders", "products", "customers", "reviews", "money", "payouts", "inventory"]
)
def test_the_dashboard_works_with_copied_rows(staging, tenant, section):
    browser = signed_in(staging, owner_of(tenant))
    assert browser.get(f"/dashboard/{section}").status_code == 200


def test_each_copied_order_is_shown(staging, tenant):
    browser = signed_in(staging, owner_of(tenant))
    with tenant_scope(staging):
        numbers = list(Order.objects.values_list("pk", "number"))
    assert numbers
    for order_id, number in numbers:
        answer = browser.get(f"/dashboard/orders/{order_id}")
        if answer.status_code == 404:
            answer = browser.get(f"/dashboard/orders/{number}")
        assert answer.status_code == 200


def test_programs_need_a_members_token(staging, tenant):
    assert Browser(staging).get("/api/v1/products").status_code == 403
    assert Api(staging, make_user(email_verified_at=now())).get("products").status_code == 403
    assert Api(staging, owner_of(tenant)).get("products").status_code == 200
    assert Browser(tenant).get("/api/v1/products").status_code == 200


def test_search_engines_are_sent_away(staging, tenant):
    robots = Browser(staging).get("/robots.txt")
    assert robots.content == b"User-agent: *\nDisallow: /\n"
    for path in ("/robots.txt", "/", "/account/sign-in"):
        assert Browser(staging).get(path)["X-Robots-Tag"] == "noindex, nofollow"
    assert "X-Robots-Tag" not in Browser(tenant).get("/")


def test_it_is_not_in_the_directory(staging, tenant):
    run_jobs()
    rebuild_directory()
    assert list(ListedStorefront.objects.values_list("tenant_id", flat=True)) == [tenant.pk]


# At the desk, and by command ---------------------------------------------------------------------------------------------


def test_an_operator_copies_a_storefront_and_makes_the_copy_anew(tenant):
    with tenant_scope(tenant):
        make_order()
    desk, page = Desk(make_operator()), f"/desk/storefronts/{tenant.slug}"
    desk.get(page)
    assert "Copy to staging" in desk.text

    assert desk.post(page, {"action": "stage", "reason": ""}).status_code == 400
    first = desk.post(page, {"action": "stage", "reason": "a new theme"})["Location"]
    run_jobs()

    desk.get(first)
    assert "The staging copy is there" in desk.text
    assert f"//{tenant.slug}-staging." in desk.text
    assert AuditEntry.objects.get(action="storefront.stage").reason == "a new theme"
    made = Tenant.objects.get(copied_from=tenant.pk)
    desk.get(f"/desk/storefronts/{made.slug}")
    assert "Its people are made up" in desk.text
    assert 'value="stage"' not in desk.text
    second = desk.post(page, {"action": "stage", "reason": "again"})["Location"]
    run_jobs()
    desk.get(second)
    assert "The staging copy is made anew" in desk.text
    assert Tenant.objects.get(copied_from=tenant.pk).pk == made.pk
    assert Operation.objects.filter(kind="storefront.stage", state="done").count() == 2


def test_the_command_makes_a_copy_makes_it_anew_and_removes_it(tenant):
    with tenant_scope(tenant):
        make_product()
    told = storefront("stage", tenant.slug, "--slug", "try-this")
    assert told["slug"] == "try-this"
    assert told["rows"] > 0
    again = storefront("stage", "try-this", "--anew")
    assert again["tenant"] == told["tenant"]
    storefront("unstage", "try-this")
    assert not Tenant.objects.filter(slug="try-this").exists()
    with pytest.raises(CommandError):
        storefront("unstage", tenant.slug)
    with pytest.raises(CommandError, match="address"):
        storefront("stage", tenant.slug, "--slug", "www")


def storefront(*arguments: str) -> dict:
    out = StringIO()
    call_command("storefront", *arguments, "--json", stdout=out)
    return json.loads(out.getvalue())
