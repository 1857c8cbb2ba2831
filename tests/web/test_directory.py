"""The marketplace's directory and search, as a browser without JavaScript meets them."""

import pytest
from django.conf import settings
from django.test import Client

from services.tenant_services import update_storefront
from tenants.context import tenant_scope
from tests.factories.jobs import run_jobs
from tests.factories.shop import make_product
from tests.factories.tenants import make_tenant, owner_of


@pytest.fixture
def shop(tenant):
    """A storefront with two products that are listed."""
    changes = {"name": "Kiln <b>& Linen", "brand": {"tagline": "Quiet <i>things"}}
    update_storefront(tenant_id=tenant.pk, actor_id=owner_of(tenant).pk, changes=changes)
    with tenant_scope(tenant):
        make_product(title="Stoneware <script>alert(1)</script> bowl", price_minor=4200)
        make_product(title="Sold bowl", stock=0)
    run_jobs()
    return tenant


@pytest.fixture
def browser(db) -> Client:
    """Anybody's browser on the marketplace host."""
    return Client(HTTP_HOST=settings.MARKETPLACE_HOST)


@pytest.mark.parametrize(
    ("path", "queries"),
    [("/", 2), ("/shops", 1), ("/shops?q=kiln&sort=name", 1), ("/search", 0), ("/search?q=bowl", 1)],
)
def test_each_page_asks_as_few_questions_as_when_it_was_looked_at_last(
    browser, shop, path, queries, django_assert_max_num_queries
):
    with django_assert_max_num_queries(queries):
        assert browser.get(path).status_code == 200


def test_the_directory_shows_shops_with_what_they_say_of_themselves(browser, shop):
    for path in ("/", "/shops", "/shops?q=LINEN"):
        text = browser.get(path).content.decode()
        assert f'href="{shop.url}"' in text
        assert "Kiln &lt;b&gt;&amp; Linen" in text
        assert "Quiet &lt;i&gt;things" in text
        assert "2 products" in text
    assert "No shop by that name" in browser.get("/shops?q=nothing").content.decode()


def test_an_empty_shop_is_not_shown(browser, tenant):
    assert tenant.url not in browser.get("/shops").content.decode()


def test_the_search_finds_products_of_all_shops_those_in_stock_first(browser, shop):
    text = browser.get("/search?q=bowl").content.decode()

    assert text.index("Stoneware") < text.index("Sold bowl")
    assert f'href="{shop.url}/products/' in text
    assert "€42.00" in text
    assert "<script>alert" not in text
    assert "Nothing found" in browser.get("/search?q=zebra").content.decode()


def test_pages_follow_each_other_without_gaps_or_repeats(browser, tenant):
    with tenant_scope(tenant):
        titles = {make_product(title=f"Bowl no {number:02}", stock=number % 2).title for number in range(30)}
    run_jobs()

    first, second = (browser.get(f"/search?q=bowl&page={page}").content.decode() for page in (1, 2))

    seen = [{title for title in titles if f">{title}<" in text} for text in (first, second)]
    assert seen[0] | seen[1] == titles
    assert not seen[0] & seen[1]
    assert ('rel="next"' in first, 'rel="next"' in second) == (True, False)


@pytest.mark.parametrize(
    "odd", ["\x00", "a" * 5_000, "\u202e", "-1", "1e9", "99999999999", "%", "';--", "🛒"]
)
def test_nothing_in_an_address_breaks_a_page(browser, shop, odd):
    for path in ("/shops", "/search"):
        for name in ("q", "sort", "page"):
            assert browser.get(path, {"q": "bowl", name: odd}).status_code == 200


@pytest.mark.parametrize("path", ["/", "/shops", "/search?q=bowl"])
def test_a_page_that_has_not_changed_is_not_sent_again_and_one_that_has_is(browser, shop, path):
    first = browser.get(path)
    assert browser.get(path, HTTP_IF_NONE_MATCH=first["ETag"]).status_code == 304

    with tenant_scope(shop):
        make_product(title="New bowl")
    run_jobs()

    assert browser.get(path, HTTP_IF_NONE_MATCH=first["ETag"]).status_code == 200


def test_pictures_of_storefronts_may_be_shown_and_nothing_else_from_elsewhere(browser):
    policy = browser.get("/shops")["Content-Security-Policy"]

    assert f"img-src 'self' data: http://*.{settings.MARKETPLACE_HOST}:*;" in policy
    assert "script-src 'self';" in policy


def test_shops_are_sorted_by_name_where_asked(browser, db):
    for name in ("Zebra", "Apple"):
        tenant = make_tenant()
        update_storefront(tenant_id=tenant.pk, actor_id=owner_of(tenant).pk, changes={"name": name})
        with tenant_scope(tenant):
            make_product()
    run_jobs()

    text = browser.get("/shops?sort=name").content.decode()
    assert text.index("Apple") < text.index("Zebra")
    text = browser.get("/shops").content.decode()
    assert text.index("Apple") < text.index("Zebra")  # opened last
