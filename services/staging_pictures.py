"""The pictures of a staging copy: the same files under a second name where the file system can, else copies.

No file of a storefront is ever written twice, so a second name is as good as a copy. Pictures are public anyhow; only those
of products and of the brand are taken along.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from django.db import connection

from core.progress import Say
from shop.storage import media_folder
from tenants.models import Tenant

PICTURES = (
    'SELECT file FROM "{schema}".shop_productimage UNION SELECT thumbnail FROM "{schema}".shop_productimage'
)


@dataclass
class Linked:
    """What came of it."""

    linked: int = 0
    missing: int = 0
    made: list[Path] = field(default_factory=list)


@contextmanager
def link_pictures(source: Tenant, staging_id: UUID, schema: str, say: Say) -> Iterator[Linked]:
    """Give the copy all pictures that its rows and its brand name. Those made here go again where the block fails."""
    done = Linked()
    try:
        names = _named(schema, source.brand)
        for number, name in enumerate(names, start=1):
            _link(media_folder(source.pk), media_folder(staging_id), name, done)
            say(number, len(names))
        yield done
    except BaseException:
        for place in done.made:
            place.unlink(missing_ok=True)
        raise


def _named(schema: str, brand: dict) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(PICTURES.format(schema=schema))
        names = {name for (name,) in cursor.fetchall()}
    for picture in brand.values():
        if isinstance(picture, dict):
            names |= {picture.get("file", ""), picture.get("thumbnail", "")}
    return sorted(name for name in names if name)


def _link(here: Path, there: Path, name: str, done: Linked) -> None:
    source, place = here / name, there / name
    if not place.resolve().is_relative_to(there.resolve()) or not source.is_file():
        done.missing += 1
        return
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, place)
        except OSError:
            shutil.copyfile(source, place)
        done.made.append(place)
    done.linked += 1


def remove_others(staging: Tenant) -> int:
    """Delete the files that neither the copy's rows nor its brand name: those of the copy before. Returns how many."""
    there = media_folder(staging.pk)
    named = {there / name for name in _named(staging.schema_name, staging.brand)}
    others = [place for place in there.rglob("*") if place.is_file() and place not in named]
    for place in others:
        place.unlink(missing_ok=True)
    return len(others)
