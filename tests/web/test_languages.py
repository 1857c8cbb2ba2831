"""Each language that pages speak is whole: every text translated, with the same places for values, and compiled."""

import io
import re
from collections import Counter
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.conf import settings

LANGUAGES = [code for code, _ in settings.LANGUAGES if code != "en"]
PLACE = re.compile(r"%\(\w+\)[sd]|\{\w*\}|%%")


def catalogue(language: str) -> tuple[Path, Catalog]:
    folder = Path(settings.LOCALE_PATHS[0]) / language / "LC_MESSAGES"
    return folder, read_po(io.BytesIO((folder / "django.po").read_bytes()), locale=language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated(language):
    _, texts = catalogue(language)
    found = [text for text in texts if text.id]

    assert len(found) > 500
    for text in found:
        said = text.string if isinstance(text.string, tuple) else (text.string,)
        assert all(said), text.id
        assert not text.fuzzy, text.id


@pytest.mark.parametrize("language", LANGUAGES)
def test_values_have_the_same_places(language):
    """In a plural, "one" and "two" may be said in words."""
    for text in catalogue(language)[1]:
        if not text.id:
            continue
        wanted = Counter(PLACE.findall(text.id[-1] if isinstance(text.id, tuple) else text.id))
        for said in text.string if isinstance(text.string, tuple) else (text.string,):
            places = Counter(PLACE.findall(said))
            assert places == wanted or (isinstance(text.id, tuple) and places < wanted), text.id


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_compiled_is_what_is_written(language):
    folder, texts = catalogue(language)
    compiled = io.BytesIO()
    write_mo(compiled, texts)

    assert (folder / "django.mo").read_bytes() == compiled.getvalue()


def test_every_text_of_the_pages_is_in_the_catalogues():
    """A text that was added to a template without `make messages` would stay English."""
    known = {text.id if isinstance(text.id, str) else text.id[0] for text in catalogue(LANGUAGES[0])[1]}
    marked = re.compile(r"""\{%\s*translate\s+(?:"([^"]+)"|'([^']+)')""")
    for template in (Path(settings.BASE_DIR) / "templates").rglob("*.html"):
        for double, single in marked.findall(template.read_text()):
            assert (double or single).replace("%", "%%") in known, template  # as Django looks them up


def test_no_text_of_a_page_is_left_unmarked():
    """Words between tags that no translation could reach."""
    outside = re.compile(
        r"\{%\s*(?:translate\b.*?|comment\b.*?)%\}|\{%.*?%\}|\{\{.*?\}\}|<(?:style|script)\b.*?</(?:style|script)>",
        re.DOTALL,
    )
    blocks = re.compile(r"\{%\s*blocktranslate\b.*?\{%\s*endblocktranslate\s*%\}", re.DOTALL)
    allowed = {
        "Souk",
        "API",
        "PDF",
        "CSV",
        "/products/",
        "Shopify",
        "Stripe",
        "g",
        "UTC",
        "TXT",
        "ALIASCNAME",  # types of DNS records, side by side
        "AAAAA",
        "SHA-256",
        "/pages/",
    }
    for template in (Path(settings.BASE_DIR) / "templates").rglob("*.html"):
        if "desk" in template.parts:
            continue  # the operator's desk speaks English
        text = outside.sub("", blocks.sub("", template.read_text()))
        for words in re.findall(r">([^<>]*[A-Za-z]{3}[^<>]*)<", text):
            assert words.strip(" ·,.:#\n“”") in allowed, (template.name, words.strip())
