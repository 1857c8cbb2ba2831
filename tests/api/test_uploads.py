"""Files from sellers: decoded under limits, made anew, named by us, and nothing is left behind."""

import gzip
import io
import resource
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

import pytest
import urllib3
from django.core.files.storage import default_storage
from django.db import connection
from django.test import Client
from PIL import Image

from core.errors import Invalid
from services.image_services import (
    FetchRefused,
    add_image,
    decode_image,
    fetch_image,
    fetch_public,
    public_address,
)
from shop.models import Product, ProductImage
from tenants.context import tenant_scope
from tests.api.test_validation import refused
from tests.factories.shop import make_product
from tests.factories.tenants import make_tenant
from tests.factories.threads import at_once, failures

SCRIPT = b"<html><script>alert(document.cookie)</script></html>"

NOBODYS_ID = "0b6c9d1e-53a7-7c41-9d2a-6f1e5a3c8b70"  # fixed: each worker collects the same tests


@pytest.fixture(autouse=True)
def media(tmp_path, settings) -> Path:
    """Uploads of this test only."""
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@contextmanager
def public_again():
    """Serve whoever was served before."""
    before = connection.tenant
    yield
    connection.set_tenant(before)


def files(media: Path) -> list[Path]:
    return [path for path in media.rglob("*") if path.is_file()]


def picture(kind: str = "JPEG", size: tuple[int, int] = (40, 30)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "#336699").save(out, kind)
    return out.getvalue()


def bomb(side: int) -> bytes:
    """A small PNG that claims side x side pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = zlib.compressobj(9)
    data = b"".join(rows.compress(bytes(side * 3 + 1)) for _ in range(side // 100)) + rows.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.fixture
def upload(seller, serving):
    """Posts a file to an address of the seller's API."""

    def post(raw: bytes, name: str = "shoe.jpg", kind: str = "image/jpeg", *, to: str = "", **fields):
        to = to or f"seller/products/{make_product().pk}/images"
        parts = [
            f'form-data; name="file"; filename="{name}"\r\nContent-Type: {kind}\r\n\r\n'.encode() + raw,
            *(f'form-data; name="{field}"\r\n\r\n{value}'.encode() for field, value in fields.items()),
        ]
        body = b"".join(b"--cut\r\nContent-Disposition: " + part + b"\r\n" for part in parts) + b"--cut--\r\n"
        return seller.post(to, body, content_type="multipart/form-data; boundary=cut")

    return post


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_a_picture_is_stored_anew_whatever_its_name_says(upload, media, kind):
    answer = upload(picture(kind), "shoe.php.html", "text/html")

    assert answer.status_code == 201
    assert len(files(media)) == 2
    assert {path.suffix for path in files(media)} == {".webp"}
    assert {Image.open(path).format for path in files(media)} == {"WEBP"}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        SCRIPT,
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b"GIF89a" + SCRIPT,
        b"%PDF-1.4",
        b"BM" + bytes(60),
        b"\x00\x00\x01\x00\x01\x00" + bytes(60),
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
        picture()[: len(picture()) // 2],
        picture("PNG")[:60],
        picture("WEBP")[:40],
        bomb(30_000),
        bomb(7_000),
        picture() + bytes(10 * 2**20),
    ],
    ids=["empty", "html", "svg", "gif-html", "pdf", "bmp", "ico", "eps", "half a jpeg", "half a png", "half a webp",
         "900 megapixels", "49 megapixels", "too large"],
)  # fmt: skip
def test_what_is_no_picture_within_limits_is_refused_and_not_kept(upload, media, raw):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(upload(raw))

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024
    assert files(media) == []
    assert not ProductImage.objects.exists()


def test_what_is_hidden_behind_or_inside_a_picture_is_gone(upload, media):
    out = io.BytesIO()
    Image.new("RGB", (40, 30)).save(out, "JPEG", comment=SCRIPT, exif=b"Exif\x00\x00" + SCRIPT)

    assert upload(out.getvalue() + SCRIPT).status_code == 201
    assert not any(b"<script" in path.read_bytes() for path in files(media))


@pytest.mark.parametrize(
    "name", ["../../x.jpg", "/etc/x.jpg", "..\\..\\x.jpg", "a\x00.jpg", "x" * 5000 + ".jpg", "con", "."]
)
def test_a_file_is_stored_under_a_name_of_ours(upload, media, serving, name):
    assert upload(picture(), name).status_code in (201, 400)

    for path in files(media):
        folder, stored = path.relative_to(media).parent, path.stem.split("-")[0]
        assert folder == Path(str(serving.pk)) / "products"
        assert len(stored) == 32
        assert int(stored, 16)


def test_rows_that_cannot_be_written_leave_no_file(upload, media, serving, monkeypatch):
    monkeypatch.setattr("services.image_services.refresh_product", lambda product: 1 / 0)

    assert upload(picture()).status_code == 500
    assert files(media) == []


def test_a_disk_that_fills_up_half_way_leaves_no_file(upload, media, monkeypatch):
    """The second of the two forms, broken off in the middle."""
    write = default_storage._wrapped.__class__._save

    def full(storage, name, content):
        stored = write(storage, name, content)
        if "-480" in stored:
            raise OSError(28, "No space left on device")
        return stored

    monkeypatch.setattr(default_storage._wrapped.__class__, "_save", full)
    assert upload(picture()).status_code == 500
    assert files(media) == []
    assert not ProductImage.objects.exists()


@pytest.mark.parametrize("kept", [60, 200, 900])
def test_an_upload_that_is_cut_off_is_refused_and_leaves_nothing(seller, serving, media, kept):
    noise = io.BytesIO()
    Image.effect_noise((90, 90), 80).save(noise, "PNG")
    head = b'--cut\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    to = f"seller/products/{make_product().pk}/images"
    refused(
        seller.post(to, (head + noise.getvalue())[:kept], content_type="multipart/form-data; boundary=cut")
    )
    assert files(media) == []


def test_uploads_to_two_storefronts_at_once_land_each_under_its_own(committed, media):
    shops = [make_tenant(), make_tenant()]

    def product_of(shop) -> str:
        with tenant_scope(shop):
            return str(make_product().pk)

    products = [product_of(shop) for shop in shops]
    colours = [(200, 0, 0), (0, 0, 200)]

    def store(index: int):
        raw = io.BytesIO()
        Image.new("RGB", (40, 30), colours[index]).save(raw, "PNG")
        with tenant_scope(shops[index]):
            return add_image(product_id=products[index], source=raw.getvalue()).file

    results = at_once([lambda i=i: store(i % 2) for i in range(8)])
    assert not failures(results)
    for shop, colour in zip(shops, colours, strict=True):
        stored = files(media / str(shop.pk))
        assert len(stored) == 8
        for path in stored:
            found = Image.open(path).convert("RGB").getpixel((5, 5))
            assert all(abs(a - b) < 30 for a, b in zip(found, colour, strict=True))
    assert len(files(media)) == 16


def test_a_picture_of_another_storefronts_product_is_not_found(upload, media, other_tenant):
    with tenant_scope(other_tenant):
        theirs = make_product()

    refused(upload(picture(), to=f"seller/products/{theirs.pk}/images"), 404)
    refused(upload(picture(), to=f"seller/products/{uuid4()}/images"), 404)
    assert files(media) == []


@pytest.mark.parametrize("variant", ["abc", NOBODYS_ID])
def test_a_picture_for_a_variant_that_is_not_there_is_refused(upload, media, variant):
    refused(upload(picture(), variant_id=variant), 400, 404)
    assert files(media) == []


def test_a_buyer_uploads_nothing(upload, media, seller, buyer):
    seller.headers = buyer.headers

    refused(upload(picture()), 403)
    assert files(media) == []


def test_a_stored_picture_is_served_as_what_it_is_on_its_own_host_only(upload, serving, other_tenant):
    path = f"/media/{upload(picture()).json()['file']}"
    with public_again():
        here = Client().get(path, HTTP_HOST=serving.host)
        assert here.status_code == 200
        assert here.headers["Content-Type"] == "image/webp"
        assert here.headers["X-Content-Type-Options"] == "nosniff"
        assert Image.open(io.BytesIO(here.getvalue())).size == (40, 30)
        for host in (other_tenant.host, "souk.localhost"):
            assert Client().get(path, HTTP_HOST=host).status_code == 404


@pytest.mark.parametrize(
    "name", ["../x", "%2e%2e/x", "/etc/passwd", "products", "", "a%00b", "x" * 5000, "..%5cx"]
)
def test_nothing_but_stored_files_is_served(serving, media, name):
    (media / "x").write_text("secret")
    with public_again():
        assert Client().get(f"/media/{name}", HTTP_HOST=serving.host).status_code == 404


# Addresses that imports name ----------------------------------------------------------------------------------------

PRIVATE = [
    "127.0.0.1", "127.1", "2130706433", "0x7f000001", "017700000001", "0", "0.0.0.0", "localhost", "LOCALHOST.",
    "169.254.169.254", "2852039166", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "224.0.0.1", "255.255.255.255",
    "::1", "::", "::ffff:127.0.0.1", "::ffff:a9fe:a9fe", "::127.0.0.1", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001:0:4136:e378:8000:63bf:80ff:fffe", "2001:db8::1",
]  # fmt: skip


@pytest.mark.parametrize("host", PRIVATE)
def test_nothing_is_fetched_from_an_address_that_is_not_public(host):
    with pytest.raises(FetchRefused):
        public_address(host, 80)


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://example.com/a", "gopher://example.com", "http://user:pw@93.184.216.34/", "http://",
     "http://:pw@93.184.216.34/", "http://93.184.216.34:22/", "http://93.184.216.34:99999/", "http://93.184.216.34:x/",
     "http://[::1", "http://[::1]/", "http://127.0.0.1\\@93.184.216.34/", "//93.184.216.34/", "javascript:alert(1)", ""],
)  # fmt: skip
def test_only_plain_http_addresses_are_fetched(url, monkeypatch):
    monkeypatch.setattr("urllib3.HTTPConnectionPool.request", lambda *_, **__: pytest.fail("was asked"))
    monkeypatch.setattr("urllib3.HTTPSConnectionPool.request", lambda *_, **__: pytest.fail("was asked"))

    with pytest.raises(FetchRefused):
        fetch_public(url)


def test_a_host_with_one_private_address_is_refused_and_a_public_one_is_pinned(monkeypatch):
    found = [(2, 1, 6, "", ("93.184.216.34", 80)), (2, 1, 6, "", ("10.0.0.1", 80))]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: found)
    with pytest.raises(FetchRefused):
        public_address("rebound.example.com", 80)

    found.pop()
    assert public_address("example.com", 80) == "93.184.216.34"


class Dripping(BaseHTTPRequestHandler):
    """Sends a byte at a time, or a picture that was packed."""

    def do_GET(self) -> None:
        self.send_response(200)
        packed = gzip.compress(picture())
        if self.path == "/packed":
            self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(packed)))
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(packed if self.path == "/packed" else b"")
            while self.path == "/drip":
                self.wfile.write(b"x")
                time.sleep(0.05)
            if self.path == "/endless":
                while True:
                    self.wfile.write(bytes(2**20))

    def log_message(self, *args) -> None:
        pass


@pytest.fixture
def stranger(monkeypatch) -> Iterator[str]:
    """A server somewhere on the internet."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Dripping)
    monkeypatch.setattr("services.image_services.public_address", lambda host, port: "127.0.0.1")
    pool = urllib3.HTTPConnectionPool
    monkeypatch.setattr(
        "urllib3.HTTPConnectionPool", lambda host, **options: pool(host, server.server_port, **options)
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield "http://pictures.example"
    server.shutdown()
    server.server_close()


def test_a_server_that_drips_does_not_hold_a_worker(stranger, monkeypatch):
    monkeypatch.setattr("services.image_services.FETCH_SECONDS", 0.3)
    started = time.monotonic()
    with pytest.raises(FetchRefused, match="took more than"):
        fetch_public(f"{stranger}/drip")
    assert time.monotonic() - started < 5


def test_of_a_server_that_never_ends_no_more_is_read_than_a_picture_may_have(stranger, settings):
    assert len(fetch_public(f"{stranger}/endless")) <= settings.MAX_IMAGE_BYTES + 2**16
    with pytest.raises(Invalid):
        decode_image(fetch_public(f"{stranger}/endless"))


def test_what_a_server_packed_is_not_unpacked(stranger):
    with pytest.raises(Invalid):
        decode_image(fetch_public(f"{stranger}/packed"))


@pytest.mark.parametrize(
    "host", ["例え.テスト", "ex\u00e4mple.org", "a" * 64 + ".example", "..", "a..b", "\u2028"]
)
def test_a_host_name_in_any_script_is_refused_or_asked_for_in_ascii(monkeypatch, host):
    asked = []

    def nowhere(name, *_, **__):
        asked.append(name)
        raise OSError

    monkeypatch.setattr("socket.getaddrinfo", nowhere)
    with pytest.raises(FetchRefused):
        fetch_public(f"http://{host}/a.png")
    assert all(name.isascii() for name in asked)


@pytest.mark.parametrize("fault", [lambda product_id: 1 / 0, None])
def test_a_fetched_picture_whose_row_cannot_be_written_leaves_no_file(serving, media, monkeypatch, fault):
    product = make_product()
    row = ProductImage.objects.create(product=product, position=1, source_url="http://pictures.example/a.png")
    if fault:
        monkeypatch.setattr("services.image_services.lock_product", fault)

    def fetched(url):
        if fault is None:  # removed while it was fetched
            ProductImage.objects.all().delete()
        return picture()

    monkeypatch.setattr("services.image_services.fetch_public", fetched)
    with pytest.raises(ZeroDivisionError) if fault else nullcontext():
        fetch_image(image_id=row.pk)
    assert files(media) == []


# Imports ------------------------------------------------------------------------------------------------------------

EXPORT = "Handle,Title,Published,Variant Price\nshoe,Shoe,true,19.99\nboot,Boot,true,cheap\n"


def test_an_import_names_the_line_and_the_column_of_each_fault(upload, serving):
    answer = upload(EXPORT.encode(), "products.csv", "text/csv", to="seller/imports")

    assert answer.status_code == 200
    assert (answer.json()["created"], answer.json()["rejected"]) == (1, 1)
    (problem,) = answer.json()["problems"]
    assert (problem["line"], problem["column"], problem["value"]) == (3, "Variant Price", "cheap")
    assert [product.title for product in Product.objects.all()] == ["Shoe"]


def test_a_rehearsal_reports_the_same_and_writes_nothing(upload, serving):
    answer = upload(EXPORT.encode(), "products.csv", "text/csv", to="seller/imports", dry_run="true")

    assert answer.json()["is_dry_run"]
    assert (answer.json()["created"], answer.json()["rejected"]) == (1, 1)
    assert not Product.objects.exists()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        EXPORT.encode("utf-16"),
        EXPORT.replace("Shoe", "Schüh").encode("latin-1"),
        b"\x00" * 99,
        picture(),
    ],
)
def test_a_file_that_is_no_export_is_refused(upload, serving, raw):
    refused(upload(raw, "products.csv", "text/csv", to="seller/imports"))
    assert not Product.objects.exists()
