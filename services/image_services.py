"""Pictures: decoded under limits, re-encoded by us, stored under names of our own. What was uploaded is never served."""

import io
import ipaddress
import socket
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit
from uuid import UUID

import urllib3
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from PIL import Image, ImageOps, UnidentifiedImageError

from core.errors import Invalid, NotFound
from core.ids import new_id
from services.catalogue_services import (
    ProductInput,
    VariantInput,
    create_product,
    lock_product,
    refresh_product,
)
from services.inventory_services import receive_stock
from shop.models import Product, ProductImage, Variant

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
LARGE, SMALL = 1600, 480
MAX_IMAGES = 50
# Outside of it are forms that hold an IPv4 address, such as NAT64's, which ipaddress takes for global.
GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
FETCH_TIMEOUT = urllib3.Timeout(connect=5, read=10)
FETCH_SECONDS = 20.0


class FetchRefused(Exception):
    """The address is not one we fetch from, or gave no picture. The message says why."""


def decode_image(source: IO[bytes] | bytes) -> Image.Image:
    """The picture, upright, without metadata. Raises Invalid: too large, not an image, too many pixels, broken."""
    raw = source if isinstance(source, bytes) else source.read(settings.MAX_IMAGE_BYTES + 1)
    if len(raw) > settings.MAX_IMAGE_BYTES:
        raise Invalid(
            field="file", reason=f"an image may have {settings.MAX_IMAGE_BYTES // 2**20} MB at most"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(raw), formats=FORMATS)
            if image.width * image.height > settings.MAX_IMAGE_PIXELS:
                raise Invalid(
                    field="file",
                    reason=f"an image may have {settings.MAX_IMAGE_PIXELS // 10**6} million pixels at most",
                )
            image.draft("RGB", (LARGE * 2, LARGE * 2))
            upright = ImageOps.exif_transpose(image)
            return upright.convert(
                "RGBA" if "A" in upright.getbands() or "transparency" in upright.info else "RGB"
            )
    except Invalid:
        raise
    except (
        UnidentifiedImageError,
        OSError,
        ValueError,
        SyntaxError,
        Image.DecompressionBombError,
        Warning,
    ) as error:
        raise Invalid(
            field="file", reason="this is not a JPEG, PNG, WebP or GIF image we can read"
        ) from error


def _encode(image: Image.Image, longest: int) -> tuple[bytes, int, int]:
    scaled = image.copy()
    scaled.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    scaled.save(out, "WEBP", quality=82, method=4)
    return out.getvalue(), scaled.width, scaled.height


def store_image(image: Image.Image, *, folder: str = "products") -> dict[str, Any]:
    """Write the large and the small form into the tenant's folder, both or neither; returns the columns of ProductImage."""
    name = new_id().hex
    file, thumbnail = f"{folder}/{name}.webp", f"{folder}/{name}-{SMALL}.webp"
    large, width, height = _encode(image, LARGE)
    small, _, _ = _encode(image, SMALL)
    with removed_on_failure(file, thumbnail):
        default_storage.save(file, ContentFile(large))
        default_storage.save(thumbnail, ContentFile(small))
    return {"file": file, "thumbnail": thumbnail, "width": width, "height": height}


@contextmanager
def removed_on_failure(*files: str) -> Iterator[None]:
    """Files know no rollback: where the block fails, they go."""
    try:
        yield
    except BaseException:
        delete_files(*files)
        raise


def add_image(
    *, product_id: UUID, source: IO[bytes] | bytes, alt: str = "", variant_id: UUID | None = None
) -> ProductImage:
    """Add a picture at the end of a product's gallery. Files are written first and removed if the rows cannot be."""
    columns = store_image(decode_image(source))
    with removed_on_failure(columns["file"], columns["thumbnail"]), transaction.atomic():
        product = lock_product(product_id)
        count = product.images.count()
        if count >= MAX_IMAGES:
            raise Invalid(field="file", reason=f"a product may have {MAX_IMAGES} images")
        if variant_id and not Variant.objects.filter(pk=variant_id, product=product).exists():
            raise NotFound(what="variant")
        row = ProductImage.objects.create(
            product=product, variant_id=variant_id, alt=alt, position=count + 1, **columns
        )
        refresh_product(product)
        return row


def add_simple_product(
    *,
    title: str,
    price_minor: int,
    stock: int,
    description: str = "",
    picture: IO[bytes] | bytes | None = None,
    is_published: bool = True,
) -> Product:
    """A product without options, its first pieces and its picture: all of it, or nothing. Raises Invalid, Conflict."""
    columns = store_image(decode_image(picture)) if picture else None
    with (
        removed_on_failure(*(columns[name] for name in ("file", "thumbnail")) if columns else ()),
        transaction.atomic(),
    ):
        product = create_product(
            ProductInput(
                title=title,
                description=description,
                is_published=is_published,
                variants=[VariantInput(price_minor=price_minor)],
            )
        )
        if stock:
            receive_stock(variant_id=product.variants.get().pk, quantity=stock)
        if columns:
            ProductImage.objects.create(product=product, alt=title, position=1, **columns)
            refresh_product(product)
    return product


@transaction.atomic
def arrange_images(*, product_id: UUID, order: Sequence[UUID]) -> None:
    """Put a product's pictures into this order; those that are not named follow in the order they have.

    The first is what lists show. Locks the product. Raises NotFound for a picture of another product.
    """
    product = lock_product(product_id)
    rows = {row.pk: row for row in product.images.all()}
    if any(image_id not in rows for image_id in order):
        raise NotFound(what="image")
    for position, image_id in enumerate(dict.fromkeys([*order, *rows]), start=1):
        rows[image_id].position = position
    ProductImage.objects.bulk_update(rows.values(), ["position"])
    refresh_product(product)


@transaction.atomic
def move_image(*, product_id: UUID, image_id: UUID, by: int) -> None:
    """Move a picture forward (-1) or back (1) by one; at the end it stays. Locks the product. Raises NotFound."""
    product = lock_product(product_id)
    order = list(product.images.values_list("pk", flat=True))
    if image_id not in order:
        raise NotFound(what="image")
    at = order.index(image_id)
    order.insert(min(max(at + by, 0), len(order) - 1), order.pop(at))
    arrange_images(product_id=product_id, order=order)


@transaction.atomic
def describe_image(*, product_id: UUID, image_id: UUID, alt: str, variant_id: UUID | None) -> None:
    """What a picture shows, in words, and which variant it is of; None for all. Locks the product. Raises NotFound."""
    product = lock_product(product_id)
    if variant_id and not Variant.objects.filter(pk=variant_id, product=product).exists():
        raise NotFound(what="variant")
    found = ProductImage.objects.filter(pk=image_id, product=product)
    if not found.update(alt=alt, variant_id=variant_id):
        raise NotFound(what="image")
    refresh_product(product)


def remove_image(*, product_id: UUID, image_id: UUID) -> None:
    """Take a picture out of the gallery; its files go once that has committed."""
    with transaction.atomic():
        product = lock_product(product_id)
        row = ProductImage.objects.filter(pk=image_id, product=product).first()
        if row is None:
            raise NotFound(what="image")
        files = (row.file, row.thumbnail)
        row.delete()
        refresh_product(product)
        transaction.on_commit(lambda: delete_files(*files))


def delete_files(*names: str) -> None:
    """Remove stored pictures; "" is skipped."""
    for name in names:
        if name:
            default_storage.delete(name)


# Pictures that an import names by address -------------------------------------------------------------------------


def fetch_image(*, image_id: UUID) -> None:
    """Fetch a picture that an import named, once. What goes wrong is kept on the row for the seller to see."""
    row = ProductImage.objects.filter(pk=image_id, file="").exclude(source_url="").first()
    if row is None:
        return
    try:
        columns = store_image(decode_image(fetch_public(row.source_url)))
    except (FetchRefused, Invalid) as error:
        reason = str(error.facts.get("reason")) if isinstance(error, Invalid) else str(error)
        ProductImage.objects.filter(pk=image_id).update(fetch_error=reason[:300])
        return
    with removed_on_failure(columns["file"], columns["thumbnail"]), transaction.atomic():
        product = lock_product(row.product_id)
        if ProductImage.objects.filter(pk=image_id, file="").update(fetch_error="", **columns):
            refresh_product(product)
        else:
            delete_files(columns["file"], columns["thumbnail"])


def fetch_public(url: str) -> bytes:
    """Read a picture from the public internet. The resolved address is checked and pinned; redirects are not followed.

    Raises FetchRefused for any scheme but http(s), credentials or ports of note, and any address that is not public.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise FetchRefused("this is not an address") from error
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or "@" in parts.netloc
        or port not in (80, 443)
    ):
        raise FetchRefused("only plain http(s) addresses are fetched")
    try:
        host = parts.hostname.encode("idna").decode() if ":" not in parts.hostname else parts.hostname
    except UnicodeError as error:
        raise FetchRefused("this is not an address") from error
    address = public_address(host, port)
    options: dict[str, Any] = {"timeout": FETCH_TIMEOUT, "retries": False, "maxsize": 1}
    pool: urllib3.HTTPConnectionPool = (
        urllib3.HTTPSConnectionPool(address, server_hostname=host, assert_hostname=host, **options)
        if parts.scheme == "https"
        else urllib3.HTTPConnectionPool(address, **options)
    )
    path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    try:
        response = pool.request(
            "GET",
            path,
            headers={"Host": host, "User-Agent": "Souk"},
            preload_content=False,
            decode_content=False,
            redirect=False,
        )
        if response.status != 200:
            raise FetchRefused(f"the server answered {response.status}")
        return _read(response)
    except urllib3.exceptions.HTTPError as error:
        raise FetchRefused(f"could not be fetched ({type(error).__name__})") from error
    finally:
        pool.close()


def _read(response: urllib3.BaseHTTPResponse) -> bytes:
    """The body as far as an image may be long. A server that drips does not hold a worker: it has FETCH_SECONDS."""
    until, body = time.monotonic() + FETCH_SECONDS, b""
    while len(body) <= settings.MAX_IMAGE_BYTES:
        part = response.read1(2**16)
        if not part:
            return body
        body += part
        if time.monotonic() > until:
            raise FetchRefused(f"the server took more than {FETCH_SECONDS:.0f} seconds")
    return body


def public_address(host: str, port: int) -> str:
    """One address of a host, if every address it has is public. Raises FetchRefused."""
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except (OSError, ValueError) as error:
        raise FetchRefused("the host name is not known") from error
    for text in found:
        address = ipaddress.ip_address(str(text).split("%")[0])
        inner = getattr(address, "sixtofour", None)
        is_odd = address.version == 6 and address not in GLOBAL_UNICAST
        if is_odd or not address.is_global or address.is_multicast or (inner and not inner.is_global):
            raise FetchRefused("the host is not on the public internet")
    return str(sorted(found)[0])


def read_sample_picture(name: str) -> bytes:
    """A picture that ships with Souk's sample exports."""
    folder = Path(settings.BASE_DIR) / "shop" / "sample" / "pictures"
    path = (folder / name).resolve()
    if path.parent != folder.resolve() or not path.is_file():
        raise FetchRefused("there is no such sample picture")
    return path.read_bytes()
