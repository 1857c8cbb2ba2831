"""Pages in the seller's own words."""

from django.http import HttpRequest, HttpResponse

from shop.selectors.pages import published_page
from shop.web.storefront.page import Page


class StaticPageView(Page):
    """About, returns, privacy and whatever else the seller wrote."""

    template = "storefront/page.html"
    is_kept = True

    def get(self, request: HttpRequest, slug: str) -> HttpResponse:
        """The page. Raises NotFound."""
        return self.show(request, page=published_page(slug))
