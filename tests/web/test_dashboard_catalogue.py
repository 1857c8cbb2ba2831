"""Pictures, categories, imports and exports, as a browser without JavaScript meets them."""

import re
from uuid import uuid4

import pytest

from services.catalogue_services import (
    ProductInput,
    save_category,
    update_product,
)
from services.image_services import add_image
from services.operation_services import find_operation, operations, output_of
from shop.models import Category, Operation, Product, ProductImage
from tests.factories.jobs import run_jobs
from tests.factories.shop import make_product
from tests.factories.tenants import owner_of
from tests.web.catalogue import named, shirt
from tests.web.test_dashboard import picture, sign_in
from tests.web.test_storefront import Browser


@pytest.fixture(autouse=True)
def media(settings, tmp_path) -> None:
    """A folder for pictures of this test alone."""
    settings.MEDIA_ROOT = str(tmp_path / "media")


@pytest.fixture
def owner(serving) -> Browser:
    """The owner's browser."""
    return sign_in(Browser(serving), owner_of(serving))


# Pictures --------------------------------------------------------------------------------------------------------


def pictures(product: Product) -> list[str]:
    return [str(pk) for pk in product.images.values_list("pk", flat=True)]


def act(browser: Browser, product: Product, action: str, **form):
    return browser.post(f"/dashboard/products/{product.pk}", {"action": action, **form})


def test_several_pictures_come_at_once_and_those_that_are_none_are_named(owner):
    product = make_product()
    files = [named("front.png"), named("<b>notes.txt", b"no picture"), named("back.png")]

    response = act(owner, product, "images-add", files=files)

    assert response.status_code == 400
    assert "&lt;b&gt;notes.txt" in owner.text
    assert "not a JPEG, PNG, WebP or GIF image" in owner.text
    assert product.images.count() == 2
    assert act(owner, product, "images-add", files=[named("side.png")]).status_code == 302
    assert act(owner, product, "images-add").status_code == 400


def test_scripts_are_told_what_came_of_each_picture(owner):
    product = make_product()

    def send(upload) -> tuple[int, dict]:
        form = {"action": "images-add", "files": upload}
        response = owner.post(
            f"/dashboard/products/{product.pk}", form, headers={"accept": "application/json"}
        )
        return response.status_code, response.json()

    assert send(named("front.png")) == (200, {"problems": []})
    status, told = send(named("x.png", b"x"))
    assert (status, told["problems"][0]["name"]) == (200, "x.png")


def test_pictures_are_put_in_order_and_the_first_is_the_cover(owner):
    product = make_product()
    act(owner, product, "images-add", files=[named(f"{number}.png") for number in range(3)])
    first, second, third = pictures(product)

    act(owner, product, "image-down", image=first)
    assert pictures(product) == [second, first, third]
    act(owner, product, "image-up", image=third)
    act(owner, product, "image-up", image=third)
    act(owner, product, "image-up", image=third)
    assert pictures(product) == [third, second, first]
    act(owner, product, "images-arrange", image=[first, third])
    assert pictures(product) == [first, third, second]
    product.refresh_from_db()
    assert product.cover["file"] == ProductImage.objects.get(pk=first).file


def test_a_picture_is_described_given_to_a_variant_and_removed(owner):
    product = shirt("S", "M")
    act(owner, product, "images-add", files=[named("front.png")])
    (image,), variant = pictures(product), product.variants.last()

    act(owner, product, "image-describe", image=image, alt="From <b>the</b> front", variant=str(variant.pk))
    assert (product.images.get().alt, product.images.get().variant) == ("From <b>the</b> front", variant)
    product.refresh_from_db()
    assert product.cover["alt"] == "From <b>the</b> front"
    owner.get(f"/dashboard/products/{product.pk}")
    assert "From &lt;b&gt;the" in owner.text
    assert act(owner, product, "image-describe", image=image, alt="x" * 301).status_code == 400
    act(owner, product, "image-remove", image=image)
    assert not product.images.exists()


def test_pictures_and_variants_of_other_products_are_not_there(owner):
    product, other = make_product(), make_product()
    add_image(product_id=other.pk, source=picture())
    add_image(product_id=product.pk, source=picture())
    (foreign,), (own,) = pictures(other), pictures(product)

    for action in ("image-up", "image-down", "image-remove", "image-describe", "images-arrange"):
        assert act(owner, product, action, image=foreign).status_code == 404
        assert act(owner, product, action, image="x").status_code == 404
    variant = str(other.variants.get().pk)
    assert act(owner, product, "image-describe", image=own, variant=variant).status_code == 404
    assert pictures(other) == [foreign]


# Categories ------------------------------------------------------------------------------------------------------


def shelf(browser: Browser, action: str, category: Category | None = None, **form: str):
    form = {"action": action, **form, **({"category": str(category.pk)} if category else {})}
    return browser.post("/dashboard/products/categories", form)


def tree(browser: Browser) -> list[tuple[int, str]]:
    browser.get("/dashboard/products/categories")
    found = re.findall(r'class="shelf depth-(\d)".*?<bdi>([^<]*)</bdi>', browser.text, re.DOTALL)
    return [(int(depth), name) for depth, name in found]


def test_categories_are_added_moved_renamed_ordered_and_removed(owner):
    for name in ("Kitchen", "Table"):
        assert shelf(owner, "add", name=name).status_code == 302
    kitchen, table = Category.objects.get(name="Kitchen"), Category.objects.get(name="Table")
    shelf(owner, "add", name="Mugs", parent=str(kitchen.pk))
    assert tree(owner) == [(0, "Kitchen"), (1, "Mugs"), (0, "Table")]

    shelf(owner, "up", table)
    assert tree(owner) == [(0, "Table"), (0, "Kitchen"), (1, "Mugs")]
    shelf(owner, "down", table)
    shelf(owner, "down", table)
    mugs = Category.objects.get(name="Mugs")
    shelf(owner, "change", mugs, name="Cups", parent=str(table.pk))
    assert tree(owner) == [(0, "Kitchen"), (0, "Table"), (1, "Cups")]
    assert shelf(owner, "remove", table).status_code == 409
    assert "inside it first" in owner.text
    shelf(owner, "remove", mugs)
    shelf(owner, "remove", table)
    assert tree(owner) == [(0, "Kitchen")]


def test_products_of_a_category_that_is_removed_stay(owner):
    mugs = save_category(name="Mugs")
    product = make_product()
    update_product(product_id=product.pk, values=ProductInput(category_id=mugs.pk))
    owner.get("/dashboard/products/categories")
    assert "1 product<" in owner.text

    shelf(owner, "remove", mugs)

    assert Product.objects.get().category is None


def test_a_category_that_makes_no_sense_is_refused(owner):
    kitchen = save_category(name="Kitchen")
    mugs = save_category(name="Mugs", parent_id=kitchen.pk)

    assert shelf(owner, "add", name="").status_code == 400
    assert shelf(owner, "add", name="x" * 81).status_code == 400
    assert shelf(owner, "add", name="Cups", parent=str(uuid4())).status_code == 400
    assert shelf(owner, "change", kitchen, name="Kitchen", parent=str(mugs.pk)).status_code == 400
    assert "cannot stand inside itself" in owner.text
    for action in ("up", "down", "remove"):
        assert shelf(owner, action).status_code == 404
    assert tree(owner) == [(0, "Kitchen"), (1, "Mugs")]


# Imports and exports ---------------------------------------------------------------------------------------------

EXPORT = (
    b"Handle,Title,Variant SKU,Variant Price,Variant Inventory Qty\n"
    b"mug,Mug,M1,19.90,3\n"
    b"bowl,<script>alert(1)</script>,B1,=cheap,3\n"
)


@pytest.mark.parametrize("tried", [True, False])
def test_an_export_is_tried_or_taken_in_with_every_problem_by_its_line(owner, tried):
    form = {"file": named("export.csv", EXPORT), **({"try": "1"} if tried else {})}

    response = owner.post("/dashboard/products/import", form)
    owner.get(response["Location"])
    assert "data-live" in owner.text
    assert not Product.objects.exists()
    run_jobs()
    owner.get(response["Location"])

    assert ("What it would do" in owner.text) == tried
    assert Product.objects.count() == (0 if tried else 1)
    assert "is not a price" in owner.text
    assert "<script>alert" not in owner.text
    operation = operations().get()
    assert (operation.done, operation.total, operation.file_name) == (2, 2, "problems-export.csv")
    assert operation.report["problems"][0]["line"] == 3
    told = bytes(output_of(operation.pk).output).decode("utf-8-sig")
    assert told.splitlines()[0] == "line,handle,column,value,message"
    assert "3,bowl,Variant Price,'=cheap," in told
    assert owner.get(f"{response['Location']}/file").status_code == 200


def test_an_import_whose_worker_died_starts_over_and_changes_nothing_twice(owner):
    response = owner.post("/dashboard/products/import", {"file": named("export.csv", EXPORT)})
    operation_id = response["Location"].rsplit("/", 1)[1]
    kept = bytes(Operation.objects.get(pk=operation_id).input)
    run_jobs()
    Operation.objects.filter(pk=operation_id).update(state="running", input=kept)

    from services.operation_services import run_operation

    run_operation(operation_id=operation_id)

    report = find_operation(operation_id).report
    assert (report["created"], report["unchanged"], report["rejected"]) == (0, 1, 1)
    assert Product.objects.count() == 1


def test_a_file_that_breaks_off_is_told_by_its_operation(owner):
    content = b'Handle,Title,Variant Price\nmug,"Mug,3\n'

    response = owner.post("/dashboard/products/import", {"file": named("x.csv", content)})
    run_jobs()
    owner.get(response["Location"])

    assert "not valid CSV" in owner.text
    assert not Product.objects.exists()


@pytest.mark.parametrize(
    "content", [b"", b"\x00\x01", b"<html>", b"Handle\n", b"a,b\n1,2\n", b"PK\x03\x04", "ä".encode("cp1252")]
)
def test_what_is_no_export_is_refused_right_away(owner, content):
    assert owner.post("/dashboard/products/import", {"file": named("x.csv", content)}).status_code == 400
    assert not Operation.objects.exists()


def test_a_file_that_is_too_large_is_refused_right_away(owner, settings):
    settings.MAX_IMPORT_BYTES = 1024 * 1024
    content = EXPORT + b"x" * settings.MAX_IMPORT_BYTES

    assert owner.post("/dashboard/products/import", {"file": named("x.csv", content)}).status_code == 400
    assert "1 MB at most" in owner.text


def test_the_list_as_it_is_narrowed_is_exported_by_a_worker(owner):
    make_product(title="=Blue bowl")
    make_product(title="Mug")

    response = owner.post("/dashboard/products?q=bowl", {"action": "export"})
    run_jobs()
    owner.get(response["Location"])

    assert "What is in the file" in owner.text
    content = owner.get(f"{response['Location']}/file").content.decode("utf-8-sig")
    assert "'=Blue bowl" in content
    assert "Mug" not in content
