"""What goes on in a storefront, in a process of its own against the database in its environment: `python -m tests.backup.trade open`.

`open` makes a storefront with a product; `order N` sells N times and adds a picture; `missing` prints the pictures that rows
name and no file is there for.
"""

import io
import sys

import django


def main(action: str, number: int = 1) -> None:
    """Do it and print what came of it."""
    from django.core.files.storage import default_storage
    from PIL import Image

    from services.image_services import add_image
    from shop.models import ProductImage
    from tenants.context import tenant_scope
    from tenants.models import Tenant
    from tests.factories.shop import make_order, make_product
    from tests.factories.tenants import make_tenant

    tenant = make_tenant(slug="kiln") if action == "open" else Tenant.objects.get(slug="kiln")
    with tenant_scope(tenant):
        if action == "missing":
            files = [name for row in ProductImage.objects.all() for name in (row.file, row.thumbnail)]
            print([name for name in files if not default_storage.exists(name)])
            return
        product = make_product(title="A bowl that nobody else makes", stock=100)
        for _ in range(number):
            make_order((product.variants.get(), 1), email="ada@lovelace.example")
        picture = io.BytesIO()
        Image.new("RGB", (40, 30), "#336699").save(picture, "PNG")
        add_image(product_id=product.pk, source=picture.getvalue())
    print(tenant.schema_name)


if __name__ == "__main__":
    django.setup()
    main(sys.argv[1], *(int(text) for text in sys.argv[2:]))
