"""The storefront's own pages: Markdown that cannot harm, and links that follow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Conflict, Invalid, NotFound
from services.page_services import MAX_BODY, MAX_PAGES, remove_page, render_markdown, save_page
from shop.models import StaticPage
from tenants.models import Tenant

EVIL = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "![x](https://tracker.example/pixel.gif)",
    "<iframe src=//evil.example></iframe>",
    '[x](https://e.example "onmouseover=alert(1)")',
    "<a href='jav&#x09;ascript:alert(1)'>x</a>",
    "<style>*{display:none}</style>",
]


@pytest.mark.parametrize("body", EVIL)
def test_markup_of_one_s_own_is_text(body):
    html = render_markdown(body)

    for bad in ("<script", "<img", "<iframe", "<style", 'href="javascript', 'href="data', "<a href='jav"):
        assert bad not in html


@given(
    st.text(max_size=400)
    | st.sampled_from(EVIL).flatmap(lambda evil: st.text(max_size=40).map(lambda text: text + evil + text))
)
def test_rendered_text_never_has_a_tag_that_runs(body):
    html = render_markdown(body).lower()

    assert not any(f"<{tag}" in html for tag in ("script", "img", "iframe", "style", "svg", "object", "form"))


def test_headings_stand_below_the_title_and_tables_and_links_work():
    html = render_markdown("# One\n\n|a|b|\n|-|-|\n|1|2|\n\n[us](https://us.example)")

    assert "<h2>One</h2>" in html
    assert "<td>1</td>" in html
    assert '<a href="https://us.example" rel="noopener nofollow">us</a>' in html


def test_the_footer_s_links_follow_what_is_published(serving):
    save_page(title="About us", body="Hello", is_new=True)
    save_page(title="Returns", slug="returns", is_new=True)
    save_page(slug="about-us", title="About", position=5)
    save_page(title="Draft", is_new=True, is_published=False)

    links = [{"slug": "returns", "title": "Returns"}, {"slug": "about-us", "title": "About"}]
    assert Tenant.objects.get(pk=serving.pk).brand["pages"] == links
    remove_page(slug="returns")
    assert Tenant.objects.get(pk=serving.pk).brand["pages"] == links[1:]


@pytest.mark.parametrize(
    ("values", "refusal"),
    [
        ({"title": " ", "is_new": True}, Invalid),
        ({"is_new": True}, Invalid),
        ({"title": "x", "body": "x" * (MAX_BODY + 1), "is_new": True}, Invalid),
        ({"title": "x", "slug": "about", "is_new": True}, Conflict),
        ({"slug": "nothing", "title": "x"}, NotFound),
    ],
)
def test_a_page_that_makes_no_sense_is_refused(serving, values, refusal):
    save_page(title="About", is_new=True)

    with pytest.raises(refusal):
        save_page(**values)


def test_a_storefront_has_so_many_pages(serving):
    StaticPage.objects.bulk_create(StaticPage(slug=f"p{n}", title="x") for n in range(MAX_PAGES))

    with pytest.raises(Conflict):
        save_page(title="One more", is_new=True)
