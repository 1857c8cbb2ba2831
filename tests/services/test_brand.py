"""The brand's pictures and colours."""

import io

import pytest
from django.core.files.storage import default_storage
from PIL import Image

from core.errors import Invalid
from core.ids import new_id
from services.brand_services import check_contrast, remove_brand_picture, set_brand_picture
from tenants.models import Tenant


def picture(size=(800, 400), format="PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGBA", size, "#1f4d3f80").save(out, format)
    return out.getvalue()


@pytest.mark.django_db(transaction=False)
def test_a_new_picture_takes_the_place_of_the_one_before(serving, django_capture_on_commit_callbacks):
    first = set_brand_picture(kind="logo", source=picture(), actor_id=new_id()).brand["logo"]
    with django_capture_on_commit_callbacks(execute=True):
        second = set_brand_picture(kind="logo", source=picture(), actor_id=new_id()).brand["logo"]

    assert first["file"].startswith("brand/")
    assert not default_storage.exists(first["file"])
    assert default_storage.exists(second["thumbnail"])
    with django_capture_on_commit_callbacks(execute=True):
        remove_brand_picture(kind="logo", actor_id=new_id())
    assert not default_storage.exists(second["file"])
    assert "logo" not in Tenant.objects.get(pk=serving.pk).brand


@pytest.mark.parametrize(
    "source",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>",
        b"GIF89a<script>",
        b"\x89PNG\r\n\x1a\n",
    ],
)
def test_what_is_no_picture_is_refused_and_leaves_nothing(serving, source):
    with pytest.raises(Invalid):
        set_brand_picture(kind="hero", source=source, actor_id=new_id())
    assert "hero" not in Tenant.objects.get(pk=serving.pk).brand


def test_only_known_pictures_are_kept(serving):
    with pytest.raises(Invalid):
        set_brand_picture(kind="pages", source=picture(), actor_id=new_id())


def test_a_pale_colour_is_told_and_a_legible_shade_named():
    rows = {row.name: row for row in check_contrast("#ffe9a8", "#14455f")}

    assert rows["on_primary"].is_legible
    assert rows["on_primary"].shade == "#000000"
    assert not rows["by_day"].is_legible
    assert rows["by_day"].shade != "#ffe9a8"
    assert rows["by_night"].is_legible


@pytest.mark.parametrize("colour", ["red", "#fff", "#12345g", "url(x)", ""])
def test_only_six_digit_colours_are_colours(colour):
    with pytest.raises(Invalid):
        check_contrast(colour, "#000000")
