"""The directory says what the storefronts' own tables say, once the jobs have run."""

from io import BytesIO
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.db import as_marketplace
from core.models import Job
from services import directory_services
from services.catalogue_services import (
    ProductInput,
    VariantInput,
    archive_product,
    remove_category,
    save_category,
    update_product,
)
from services.directory_services import rebuild_directory, refresh_directory
from services.image_services import add_image, remove_image
from services.import_services import import_products
from services.inventory_services import adjust_stock, set_stock_rules
from services.order_history import SYSTEM
from services.order_services import cancel_order
from services.review_services import save_review
from services.tenant_services import close_tenant, reactivate_tenant, suspend_tenant, update_storefront
from tenants.context import tenant_scope
from tenants.listings import listed_storefronts, search_products
from tenants.models import ListedProduct, ListedStorefront
from tests.factories.jobs import queued, run_jobs
from tests.factories.shop import make_delivered, make_order, make_product, make_variant, pay
from tests.factories.tenants import make_tenant, owner_of
from tests.factories.threads import at_once, failures

PICTURE = next(iter(sorted((Path(django_settings.BASE_DIR) / "shop" / "sample" / "pictures").iterdir())))
COLUMNS = "Handle,Title,Vendor,Type,Published,Variant Inventory Tracker,Variant Inventory Qty,Variant Price,Image Src"


def forget_queued_jobs() -> None:
    """As if whatever was asked for had been done long ago."""
    Job.objects.all().delete()


def take(*rows: str, **options) -> None:
    """Import an export of these products."""
    import_products(BytesIO("\n".join((COLUMNS, *rows)).encode()), **options)


def listed(*names: str) -> list:
    """What the directory has once the jobs have run."""
    run_jobs()
    with as_marketplace():
        return list(
            ListedProduct.objects.order_by("title").values_list(*(names or ("title",)), flat=len(names) < 2)
        )


def test_a_product_is_listed_changed_and_taken_out_as_in_its_shop(serving):
    product = make_product(title="Mug", price_minor=1900)
    make_product(title="Draft", is_published=False)
    assert listed("title", "price_from_minor", "in_stock") == [("Mug", 1900, True)]

    values = ProductInput(title="Blue mug", variants=[VariantInput(price_minor=2100)])
    update_product(product_id=product.pk, values=values)
    assert listed("title", "price_from_minor") == [("Blue mug", 2100)]
    archive_product(product_id=product.pk)
    assert listed() == []


def test_what_is_imported_is_listed_and_what_is_only_rehearsed_is_not(serving, settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path)
    mug = f"mug,Mug,Kiln,Cups,true,shopify,4,12.50,sample:{PICTURE.name}"
    take(mug, dry_run=True)
    assert queued("directory.refresh") == []
    take(mug, "jug,Jug,Kiln,Jugs,true,shopify,0,30.00,")
    assert listed("title", "vendor", "category", "price_from_minor", "in_stock") == [
        ("Jug", "Kiln", "Jugs", 3000, False),
        ("Mug", "Kiln", "Cups", 1250, True),
    ]
    with as_marketplace():
        assert ListedProduct.objects.get(title="Mug").thumbnail.startswith("products/")

    take(mug.replace("12.50", "13.00"), "jug,Jug,Kiln,Jugs,false,shopify,0,30.00,")
    assert listed("title", "price_from_minor") == [("Mug", 1300)]


def test_a_picture_is_shown_as_long_as_its_product_has_it(serving, settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path)
    product = make_product()
    image = add_image(product_id=product.pk, source=PICTURE.read_bytes())
    assert listed("thumbnail") == [image.thumbnail]
    with as_marketplace():
        assert ListedStorefront.objects.get().pictures == [image.thumbnail]

    remove_image(product_id=product.pk, image_id=image.pk)
    assert listed("thumbnail") == [""]
    with as_marketplace():
        assert ListedStorefront.objects.get().pictures == []


def test_a_category_goes_with_its_name(serving):
    category = save_category(name="Bowls")
    product = make_product(title="Mug")
    update_product(product_id=product.pk, values=ProductInput(category_id=category.pk))
    assert listed("category") == ["Bowls"]

    save_category(category_id=category.pk, name="Mugs")
    assert listed("category") == ["Mugs"]
    remove_category(category_id=category.pk)
    assert listed("category") == [""]


def test_what_is_sold_out_is_listed_so_and_back_when_there_is_some(serving, stripe_local):
    variant = make_variant(title="Mug", stock=1)
    order = make_order((variant, 1))
    pay(order, stripe_local)
    assert listed("in_stock") == [False]

    adjust_stock(variant_id=variant.pk, delta=2, reason="found")
    assert listed("in_stock") == [True]
    adjust_stock(variant_id=variant.pk, delta=-2, reason="broken")
    assert listed("in_stock") == [False]
    set_stock_rules(variant_id=variant.pk, is_tracked=False)
    assert listed("in_stock") == [True]


def test_what_a_cancelled_order_held_is_there_again(serving):
    order = make_order((make_variant(stock=1), 1))
    refresh_directory()
    cancel_order(order_id=order.pk, actor=SYSTEM)

    assert listed("in_stock") == [True]


def test_stars_are_listed(serving, stripe_local):
    variant = make_variant()
    order = make_delivered(variant, stripe_local)
    save_review(product_id=variant.product_id, order=order, rating=4)

    assert listed("rating_count", "rating_sum") == [(1, 4)]


def test_many_changes_are_one_refresh(serving):
    for _ in range(5):
        make_product()

    with as_marketplace(), connection.cursor() as cursor:
        refresh_directory()
        cursor.execute("SELECT count(*) FROM core_job WHERE task = 'directory.refresh'")
        assert cursor.fetchone() == (0,)


def test_a_change_that_is_rolled_back_is_not_listed(serving):
    with pytest.raises(RuntimeError), transaction.atomic():
        make_product(title="Never")
        raise RuntimeError

    assert listed() == []


def test_suspended_closed_and_unlisted_storefronts_show_nothing_with_the_next_request(serving):
    make_product(title="Mug")
    run_jobs()
    owner = owner_of(serving).pk

    def shown() -> tuple[int, int]:
        with as_marketplace():
            return len(search_products(q="mug").rows), len(listed_storefronts().rows)

    assert shown() == (1, 1)
    suspend_tenant(tenant_id=serving.pk, actor_id=owner, reason="a test")
    assert shown() == (0, 0)
    reactivate_tenant(tenant_id=serving.pk, actor_id=owner)
    assert shown() == (1, 1)
    update_storefront(tenant_id=serving.pk, actor_id=owner, changes={"brand": {"listed": False}})
    assert shown() == (0, 0)
    update_storefront(tenant_id=serving.pk, actor_id=owner, changes={"brand": {"listed": True}})
    close_tenant(tenant_id=serving.pk, actor_id=owner, reason="the end")
    assert shown() == (0, 0)


def test_the_search_takes_words_that_are_begun_and_nothing_of_the_query_language(serving):
    make_product(title="Stoneware bowl")
    run_jobs()

    with as_marketplace():
        for q in ("bowl", "stonew", "BOWL stone", "bowl & stone", '"stoneware bowl"', "bowl -plate"):
            assert len(search_products(q=q).rows) == 1, q
        for q in ("", "  ", "plate", "bowl plate", "';--", "!!!", "a:*&|", "%"):
            assert search_products(q=q).rows == [], q


@pytest.mark.parametrize("table", ["tenants_listedproduct", "tenants_listedstorefront"])
@pytest.mark.parametrize("whose", ["own", "other"])
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 FROM {table} WHERE tenant_id = %s",
        "INSERT INTO {table} (tenant_id) VALUES (%s)",
        "UPDATE {table} SET tenant_id = tenant_id WHERE tenant_id = %s",
        "DELETE FROM {table} WHERE tenant_id = %s",
    ],
)
def test_a_storefronts_own_rights_reach_no_row_of_the_directory(tenant, other_tenant, sql, whose, table):
    row_of = tenant if whose == "own" else other_tenant
    with (
        tenant_scope(tenant),
        pytest.raises(DatabaseError, match=f"permission denied for table {table}"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql.format(table=table), [row_of.pk])


# Rebuilding -------------------------------------------------------------------------------------------------------


def test_a_rebuild_brings_a_directory_back_and_finds_nothing_to_do_after_that(tenant, other_tenant, capsys):
    for shop in (tenant, other_tenant):
        with tenant_scope(shop):
            make_product(title=f"Mug of {shop.slug}")
    ListedProduct.objects.all().delete()

    call_command("rebuild_directory")
    assert capsys.readouterr().out == "2 rows changed\n"
    assert ListedStorefront.objects.filter(products=1).count() == 2
    call_command("rebuild_directory")
    assert capsys.readouterr().out == "0 rows changed\n"
    ListedProduct.objects.update(title="wrong")
    call_command("rebuild_directory", storefront=tenant.slug)
    assert ListedProduct.objects.filter(title="wrong").count() == 1


@pytest.mark.parametrize("is_named", [True, False])
def test_a_rebuild_forgets_closed_storefronts(tenant, is_named):
    with tenant_scope(tenant):
        make_product()
        refresh_directory()
    close_tenant(tenant_id=tenant.pk, actor_id=owner_of(tenant).pk, reason="the end")

    rebuild_directory(slug=tenant.slug if is_named else "")

    assert not ListedProduct.objects.exists()
    assert not ListedStorefront.objects.exists()


def test_a_rebuild_leaves_a_storefront_that_fails_to_its_job_and_goes_on(committed):
    broken, sound = make_tenant(), make_tenant()
    for shop in (broken, sound):
        with tenant_scope(shop):
            make_product(title=f"Mug of {shop.slug}")
    forget_queued_jobs()
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {broken.schema_name}.shop_product RENAME TO shop_lost")
    try:
        assert rebuild_directory() == 1
        assert list(ListedProduct.objects.values_list("tenant", flat=True)) == [sound.pk]
        assert Job.objects.get(task="directory.refresh").tenant_id == broken.pk
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {broken.schema_name}.shop_lost RENAME TO shop_product")
    run_jobs()

    assert ListedProduct.objects.filter(tenant=broken).count() == 1


def test_a_rebuild_leaves_a_storefront_that_lags_to_its_job(tenant, other_tenant, monkeypatch):
    for shop in (tenant, other_tenant):
        with tenant_scope(shop):
            make_product()
    forget_queued_jobs()
    monkeypatch.setattr(directory_services, "schema_lags", lambda shop: shop == tenant)

    rebuild_directory()

    assert list(ListedProduct.objects.values_list("tenant", flat=True)) == [other_tenant.pk]
    assert Job.objects.get(task="directory.refresh").tenant_id == tenant.pk


def test_a_rebuild_of_a_storefront_that_is_not_there_says_so(tenant):
    with pytest.raises(CommandError, match="no storefront 'nowhere'"):
        call_command("rebuild_directory", storefront="nowhere")


changes = st.lists(
    st.tuples(
        st.sampled_from(["title", "price", "stock", "archive", "publish"]),
        st.integers(0, 2),
        st.integers(1, 5),
    ),
    max_size=12,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=changes)
def test_what_events_built_is_what_a_rebuild_builds(serving, changes):
    products = [make_product(stock=0) for _ in range(3)]
    for what, which, number in changes:
        product = products[which]
        variant = product.variants.get()
        if what == "title":
            update_product(product_id=product.pk, values=ProductInput(title=f"Title {number}"))
        elif what == "price":
            values = ProductInput(variants=[VariantInput(id=variant.pk, price_minor=number)])
            update_product(product_id=product.pk, values=values)
        elif what == "stock":
            adjust_stock(variant_id=variant.pk, delta=number, reason="count")
        elif what == "archive":
            archive_product(product_id=product.pk)
        else:
            update_product(product_id=product.pk, values=ProductInput(is_published=True))
    columns = ("product_id", "title", "price_from_minor", "in_stock", "slug")
    by_events = sorted(listed(*columns))
    with as_marketplace():
        ListedProduct.objects.all().delete()
    refresh_directory()

    assert sorted(listed(*columns)) == by_events


@pytest.mark.usefixtures("committed")
def test_refreshes_at_once_end_in_the_state_of_now(tenant):
    with tenant_scope(tenant):
        products = [make_product(stock=0) for _ in range(5)]

    def change(number: int) -> None:
        update_product(product_id=products[number].pk, values=ProductInput(title=f"New {number}"))
        refresh_directory()

    results = at_once([lambda number=number: change(number) for number in range(5)], tenant=tenant)

    assert failures(results) == []
    assert set(ListedProduct.objects.values_list("title", flat=True)) == {
        f"New {number}" for number in range(5)
    }
