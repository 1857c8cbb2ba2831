"""Reading the storefront's own pages."""

from datetime import datetime

from django.db.models import QuerySet

from core.errors import NotFound
from shop.models import StaticPage


def published_page(slug: str) -> StaticPage:
    """What everybody may read. Raises NotFound."""
    page = StaticPage.objects.filter(slug=slug, is_published=True).first()
    if page is None:
        raise NotFound(what="page")
    return page


def pages_of_seller() -> QuerySet[StaticPage]:
    """All pages, in the order of the footer."""
    return StaticPage.objects.all()


def sitemap_pages() -> QuerySet[StaticPage, tuple[str, datetime]]:
    """(slug, last change) of each published page; not read yet."""
    return StaticPage.objects.filter(is_published=True).order_by("id").values_list("slug", "updated_at")
