"""A storefront's pages of its own: written in Markdown, rendered and sanitised once, when they are saved."""

from django.db import transaction
from markdown_it import MarkdownIt

from core.errors import Conflict, Invalid, NotFound
from services.catalogue_services import TAGS, sanitise, slugify
from services.tenant_services import lock_tenant
from shop.models import StaticPage
from tenants.context import current_tenant

MAX_PAGES, MAX_BODY = 30, 60_000
PAGE_TAGS = TAGS | {"hr", "code", "pre"}
_markdown = MarkdownIt("commonmark", {"html": False, "typographer": False}).enable("table")


def render_markdown(body: str) -> str:
    """CommonMark with tables as HTML that is safe to show: no markup of one's own, no scripts, no images.

    The title is the page's first heading, so `#` becomes the second.
    """
    tokens = _markdown.parse(body)
    for token in tokens:
        if token.tag == "h1":
            token.tag = "h2"
    return sanitise(_markdown.renderer.render(tokens, _markdown.options, {}), tags=PAGE_TAGS)


def save_page(
    *,
    slug: str = "",
    title: str | None = None,
    body: str | None = None,
    is_published: bool | None = None,
    position: int | None = None,
    is_new: bool = False,
) -> StaticPage:
    """Write a page, or change what is given of it. The links in the storefront's footer follow.

    Locks the tenant. Raises NotFound, Conflict (slug, too many), Invalid (title, body).
    """
    if title is not None and not title.strip():
        raise Invalid(field="title", reason="a page needs a title")
    if body is not None and len(body) > MAX_BODY:
        raise Invalid(field="body", reason=f"at most {MAX_BODY} characters")
    with transaction.atomic():
        lock_tenant(current_tenant().pk)
        page = _new_page(slug, title or "") if is_new else find_page(slug)
        if title is not None:
            page.title = title
        if body is not None:
            page.body, page.html = body, render_markdown(body)
        page.is_published = page.is_published if is_published is None else is_published
        page.position = page.position if position is None else position
        page.save()
        _refresh_links()
    return page


def _new_page(slug: str, title: str) -> StaticPage:
    if not title:
        raise Invalid(field="title", reason="a page needs a title")
    if StaticPage.objects.count() >= MAX_PAGES:
        raise Conflict(reason=f"a storefront may have {MAX_PAGES} pages")
    page = StaticPage(slug=slug or slugify(title)[:80], title=title, position=StaticPage.objects.count())
    if StaticPage.objects.filter(slug=page.slug).exists():
        raise Conflict(field="slug", reason="another page has this address")
    return page


def remove_page(*, slug: str) -> None:
    """Locks the tenant. Raises NotFound."""
    with transaction.atomic():
        lock_tenant(current_tenant().pk)
        find_page(slug).delete()
        _refresh_links()


def find_page(slug: str) -> StaticPage:
    """Raises NotFound."""
    page = StaticPage.objects.filter(slug=slug).first()
    if page is None:
        raise NotFound(what="page")
    return page


def _refresh_links() -> None:
    """The brand, which every page has at hand, names the published pages. The tenant is locked by the caller."""
    tenant = lock_tenant(current_tenant().pk)
    pages = StaticPage.objects.filter(is_published=True)
    tenant.brand["pages"] = [{"slug": page.slug, "title": page.title} for page in pages]
    tenant.save(update_fields=["brand"])
    current_tenant().brand = tenant.brand


# What a seller of physical goods needs to say, to start from. Not legal advice, and the pages say so.
DRAFTS = {
    "about": (
        "About us",
        "## Who we are\n\nTell your customers who makes or chooses what you sell, where, and why.\n",
    ),
    "returns": (
        "Delivery and returns",
        (
            "## Delivery\n\nSay how long it takes you to send an order, and with whom you send it.\n\n"
            "## Returns\n\nSay how long goods may be returned, in which condition, who pays for sending them back, "
            "and how soon you refund.\n"
        ),
    ),
    "privacy": (
        "Privacy",
        (
            "## What we keep\n\nTo fulfil an order we keep the name, addresses, e-mail address and what was ordered. "
            "Payment is handled by Stripe; card details never reach us.\n\n"
            "## Your rights\n\nSay how people reach you to see, correct or delete what you keep of them.\n"
        ),
    ),
}
