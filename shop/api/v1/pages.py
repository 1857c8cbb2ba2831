"""The storefront's own pages, and the pictures of its brand."""

from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from core.views import PublicView, describe
from services.brand_services import remove_brand_picture, set_brand_picture
from services.page_services import find_page, remove_page, save_page
from shop.api.v1.seller_catalogue import SellerView
from shop.api.v1.serializers.selling import (
    BrandPictureIn,
    PageChangeIn,
    PageIn,
    PageOut,
    SellerPageOut,
    StorefrontOut,
)
from shop.selectors.pages import pages_of_seller, published_page


class PageView(PublicView):
    @describe(responses=PageOut)
    def get(self, request: Request, slug: str) -> Response:
        """A page in the seller's words."""
        return Response(PageOut(published_page(slug)).data)


class SellerPageListView(SellerView):
    @describe(responses=SellerPageOut(many=True))
    def get(self, request: Request) -> Response:
        """All pages, drafts too."""
        return Response(SellerPageOut(pages_of_seller(), many=True).data)

    @describe(request=PageIn, responses={201: SellerPageOut})
    def post(self, request: Request) -> Response:
        """A new page, in Markdown."""
        page = save_page(is_new=True, **PageIn.parse(request.data))
        return Response(SellerPageOut(page).data, status=201)


class SellerPageView(SellerView):
    @describe(responses=SellerPageOut)
    def get(self, request: Request, slug: str) -> Response:
        """One page."""
        return Response(SellerPageOut(find_page(slug)).data)

    @describe(request=PageChangeIn, responses=SellerPageOut)
    def patch(self, request: Request, slug: str) -> Response:
        """Change what is given."""
        return Response(SellerPageOut(save_page(slug=slug, **PageChangeIn.parse(request.data))).data)

    @describe(responses={204: None})
    def delete(self, request: Request, slug: str) -> Response:
        """Remove the page."""
        remove_page(slug=slug)
        return Response(status=204)


class BrandPictureView(SellerView):
    """A picture of the brand."""

    parser_classes = [MultiPartParser]
    kind = ""

    @describe(request={"multipart/form-data": BrandPictureIn}, responses=StorefrontOut)
    def put(self, request: Request) -> Response:
        """Set the picture (JPEG, PNG, WebP, GIF; 10 MB). It is re-encoded; metadata is dropped."""
        source = BrandPictureIn.parse(request.data)["file"]
        return Response(
            StorefrontOut(set_brand_picture(kind=self.kind, source=source, actor_id=self.user_id)).data
        )

    @describe(responses={200: StorefrontOut})
    def delete(self, request: Request) -> Response:
        """Take the picture out."""
        return Response(StorefrontOut(remove_brand_picture(kind=self.kind, actor_id=self.user_id)).data)


class SellerLogoView(BrandPictureView):
    kind = "logo"


class SellerHeroView(BrandPictureView):
    kind = "hero"
