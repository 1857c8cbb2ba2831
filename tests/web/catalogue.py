"""What tests of the catalogue share: the forms of its pages, filled in as a browser does."""

import io
import re
from html import unescape

from services.catalogue_services import (
    ProductInput,
    VariantInput,
    create_product,
)
from services.inventory_services import receive_stock
from shop.models import Product, ProductImage, Variant
from tests.web.test_dashboard import picture
from tests.web.test_storefront import Browser


def shirt(*sizes: str, **fields) -> Product:
    """A published product in sizes, ten of each."""
    product = create_product(
        ProductInput(
            title="Shirt",
            is_published=True,
            option_names=["Size"],
            variants=[
                VariantInput(price_minor=2000, option_values=(size,), sku=f"SHIRT-{size}") for size in sizes
            ],
            **fields,
        )
    )
    for variant in product.variants.all():
        receive_stock(variant_id=variant.pk, quantity=10)
    return product


def sheet(browser: Browser, product: Product, **changes: str) -> dict[str, str]:
    """What a browser would send of the product's page as it is shown now, with changes by the names of inputs."""
    browser.get(f"/dashboard/products/{product.pk}")
    return {**typed(browser.text), **{name.replace("__", "-"): value for name, value in changes.items()}}


def typed(html: str) -> dict[str, str]:
    """The values of all that belongs to the product's form."""
    values = {"action": "save"}
    for name in ("version", "rows"):
        values[name] = re.search(rf'name="{name}" value="([^"]*)"', html)[1]
    for tag in re.findall(r"<input[^>]*>", html):
        if 'form="product"' not in tag:
            continue
        name, value = re.search(r'name="([^"]*)"', tag)[1], re.search(r'value="([^"]*)"', tag)
        if 'type="checkbox"' not in tag:
            values[name] = unescape(value[1]) if value else ""
        elif "checked" in tag:
            values[name] = "on"
    for name, body in re.findall(
        r'<select name="(\w+)"[^>]*form="product"[^>]*>(.*?)</select>', html, re.DOTALL
    ):
        chosen = re.search(r'<option value="([^"]*)" selected', body)
        values[name] = chosen[1] if chosen else ""
    text = re.search(r'<textarea name="description"[^>]*>\n?(.*?)</textarea>', html, re.DOTALL)[1]
    values["description"] = unescape(text)
    return values


def save(browser: Browser, product: Product, **changes: str):
    return browser.post(f"/dashboard/products/{product.pk}", sheet(browser, product, **changes))


def state(product: Product) -> list:
    """All that is kept of a product."""
    return [
        list(model.objects.filter(**{field: product.pk}).order_by("pk").values())
        for model, field in ((Product, "pk"), (Variant, "product"), (ProductImage, "product"))
    ]


def named(name: str, content: bytes | None = None) -> io.BytesIO:
    upload = picture() if content is None else io.BytesIO(content)
    upload.name = name
    return upload
