"""One product: its texts, its variants as a sheet, its pictures, and what is done with it as a whole."""

from http import HTTPStatus
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from core.errors import Invalid, NotFound
from core.forms import add_refusal
from services.catalogue_services import archive_product, restore_product
from services.image_services import (
    MAX_IMAGES,
    add_image,
    arrange_images,
    describe_image,
    move_image,
    remove_image,
)
from services.product_copy_services import duplicate_product
from services.product_sheet_services import ProductChanged, SheetRefused, save_sheet, version_of
from shop.models import Product, ProductImage
from shop.selectors.catalogue import media_url
from shop.selectors.products import shelves, status_of
from shop.selectors.selling import product_of_seller
from shop.web.dashboard.forms import PICTURE_TYPES
from shop.web.dashboard.frame import StaffPage, back, say
from shop.web.dashboard.product_forms import OPTION_NUMBERS, DetailsForm, ImageForm, once
from shop.web.dashboard.stock_forms import REASONS
from shop.web.dashboard.variant_grid import MORE_ROWS, VariantGrid
from tenants.permissions import MANAGERS

ACTIONS = (
    *("save", "combine", "rows", "archive", "restore", "duplicate"),
    *("images-add", "images-arrange", "image-up", "image-down", "image-describe", "image-remove"),
)


class Picture:
    """A picture of the product, as the template shows it."""

    def __init__(self, image: ProductImage) -> None:
        self.image = image
        self.small, self.large = media_url(image.thumbnail), media_url(image.file)


class ProductPage(StaffPage):
    """A product as the staff sees it; managers change it."""

    template = "dashboard/product_edit.html"
    section = "products"
    done: ClassVar[dict[str, Any]] = {
        "copied": lazy("This is the copy: a draft without stock."),
        "archived": lazy("In the archive. Orders keep what was bought."),
        "restored": lazy("Taken from the archive. It is a draft."),
        "added": lazy("Added. Now its options, prices and pictures."),
    }
    changes: ClassVar = dict.fromkeys(ACTIONS, MANAGERS)

    def get(self, request: HttpRequest, product_id: UUID, **context: Any) -> HttpResponse:
        """The product with all there is of it."""
        product = product_of_seller(product_id)
        variants, tree = list(product.variants.all()), shelves()
        currency, names = request.tenant.currency, product.option_names
        grid = VariantGrid.of(variants, option_names=names, currency=currency)
        return self.show(
            request,
            **{
                "product": product,
                "state": status_of(product),
                "version": version_of(product, variants),
                "form": DetailsForm(initial=_initial(product, grid), shelves=tree),
                "grid": grid,
                "pictures": [Picture(image) for image in product.images.all()],
                "variants": variants,
                "reasons": [_(reason) for reason in REASONS],
                "picture_types": PICTURE_TYPES,
                "most_pictures": MAX_IMAGES,
                **context,
            },
        )

    def show_again(self, request: HttpRequest, product_id: UUID, **context: Any) -> HttpResponse:
        """The page as it is now; what was typed into the sheet is in `context`."""
        return self.get(request, product_id, **context)

    # The sheet ------------------------------------------------------------------------------------------------------

    def do_save(self, request: HttpRequest, product_id: UUID) -> HttpResponse:
        """All of the sheet, or nothing; every error beside what it is about."""
        product, form, grid = self._typed(request, product_id)
        rows = grid.clean()
        if not form.is_valid() or rows is None:
            return self._refuse(request, product_id, form, grid)
        try:
            save_sheet(
                product_id=product_id,
                version=request.POST.get("anyway") or request.POST.get("version", ""),
                values=form.as_input(is_archived=product.archived_at is not None),
                rows=rows,
                reason=form.cleaned_data["reason"] or _(REASONS[0]),
                actor_id=self.user_id,
            )
        except ProductChanged as refusal:
            return self._refuse(request, product_id, form, grid, problem=refusal.sentence, is_stale=True)
        except SheetRefused as refusal:
            grid.mark(refusal.problems)
            return self._refuse(request, product_id, form, grid, problem=say(refusal))
        except Invalid as refusal:
            add_refusal(form, refusal)
            return self._refuse(request, product_id, form, grid, problem=say(refusal))
        return back("product", product_id, done="saved")

    def do_combine(self, request: HttpRequest, product_id: UUID) -> HttpResponse:
        """A row for each combination of options; nothing is saved yet."""
        _product, _form, grid = self._typed(request, product_id)
        lists = [
            _words(request.POST.get(f"values_{number}", ""))
            for number in OPTION_NUMBERS
            if request.POST.get(f"option_{number}", "").strip()
        ]
        problem = (
            "" if grid.combine(lists) else _("These are more combinations than a product may have variants.")
        )
        return self._unsaved(request, product_id, grid, problem=problem)

    def do_rows(self, request: HttpRequest, product_id: UUID) -> HttpResponse:
        """More rows to type into; nothing is saved yet."""
        _product, _form, grid = self._typed(request, product_id)
        grid.add_blank(MORE_ROWS)
        return self._unsaved(request, product_id, grid)

    def _typed(self, request: HttpRequest, product_id: UUID) -> tuple[Product, DetailsForm, VariantGrid]:
        product = product_of_seller(product_id)
        form = DetailsForm(request.POST, shelves=shelves())
        grid = VariantGrid.read(
            request.POST.dict(),
            variants=list(product.variants.all()),
            option_names=[request.POST.get(f"option_{number}", "").strip() for number in OPTION_NUMBERS],
            currency=request.tenant.currency,
        )
        return product, form, grid

    def _refuse(
        self, request: HttpRequest, product_id: UUID, form: DetailsForm, grid: VariantGrid, **context: Any
    ) -> HttpResponse:
        context.setdefault("problem", _("Nothing is saved yet: please look at what is marked."))
        status = HTTPStatus.CONFLICT if context.get("is_stale") else HTTPStatus.BAD_REQUEST
        kept = {"form": form, "grid": grid, "is_unsaved": True}
        return self.get(request, product_id, **kept, **self._version(request), status=status, **context)

    def _unsaved(
        self, request: HttpRequest, product_id: UUID, grid: VariantGrid, *, problem: str = ""
    ) -> HttpResponse:
        """The page with what was typed so far, and nothing said of what is still missing."""
        form = DetailsForm(initial=request.POST.dict(), shelves=shelves())
        kept = {"form": form, "grid": grid, "problem": problem, "is_unsaved": True}
        return self.get(request, product_id, **kept, **self._version(request))

    def _version(self, request: HttpRequest) -> dict[str, str]:
        """The version that was opened stays the one that is saved over."""
        return {"opened_version": request.POST.get("version", "")[:40]}

    # The whole ------------------------------------------------------------------------------------------------------

    def do_archive(self, request: HttpRequest, product_id: UUID) -> HttpResponse:
        """Off the shelves, and out of the list."""
        archive_product(product_id=product_id)
        return back("product", product_id, done="archived")

    def do_restore(self, request: HttpRequest, product_id: UUID) -> HttpResponse:
        """Back, as a draft."""
        restore_product(product_id=product_id)
        return back("product", product_id, done="restored")

    def do_duplicate(self, request: HttpRequest, product_id: UUID) -> HttpResponse:
        """To the copy."""
        return back("product", duplicate_product(product_id=product_id).pk, done="copied")

    # Pictures -------------------------------------------------------------------------------------------------------

    def do_images_add(self, request: HttpRequest, product_id: UUID) -> HttpResponse:
        """Each picture for itself: those that are refused are told with their names, the others are kept.

        A script that sends them one by one asks for JSON: {"problems": [...]}.
        """
        uploads, problems = request.FILES.getlist("files"), []
        for upload in uploads:
            try:
                add_image(product_id=product_id, source=upload)
            except Invalid as refusal:
                problems.append({"name": upload.name, "reason": say(refusal)})
        if not uploads:
            problems.append({"name": "", "reason": _("Choose at least one picture.")})
        if request.headers.get("Accept") == "application/json":
            return JsonResponse({"problems": problems})
        if problems:
            return self.get(request, product_id, picture_problems=problems, status=HTTPStatus.BAD_REQUEST)
        return back("product", product_id, anchor="images")

    def do_images_arrange(self, request: HttpRequest, product_id: UUID) -> HttpResponse:
        """The order they were dragged into."""
        order = [_id(text) for text in request.POST.getlist("image")]
        arrange_images(product_id=product_id, order=order)
        return back("product", product_id, anchor="images")

    def do_image_up(self, request: HttpRequest, product_id: UUID) -> HttpResponse:
        """One to the front."""
        move_image(product_id=product_id, image_id=_image(request), by=-1)
        return back("product", product_id, anchor="images")

    def do_image_down(self, request: HttpRequest, product_id: UUID) -> HttpResponse:
        """One to the back."""
        move_image(product_id=product_id, image_id=_image(request), by=1)
        return back("product", product_id, anchor="images")

    def do_image_describe(self, request: HttpRequest, product_id: UUID) -> HttpResponse:
        """What it shows, and of which variant it is."""
        image_id, form = _image(request), ImageForm(request.POST)
        if not form.is_valid():
            reason = " ".join(text for texts in form.errors.values() for text in texts)
            problems = [{"name": "", "reason": reason}]
            return self.get(request, product_id, picture_problems=problems, status=HTTPStatus.BAD_REQUEST)
        values = form.cleaned_data
        describe_image(
            product_id=product_id, image_id=image_id, alt=values["alt"], variant_id=values["variant"]
        )
        return back("product", product_id, anchor="images")

    def do_image_remove(self, request: HttpRequest, product_id: UUID) -> HttpResponse:
        """Out of the gallery, with its files."""
        remove_image(product_id=product_id, image_id=_image(request))
        return back("product", product_id, anchor="images")


def _initial(product: Product, grid: VariantGrid) -> dict[str, Any]:
    names, lists = product.option_names, grid.option_values()
    options = {f"option_{number}": name for number, name in enumerate(names, start=1)}
    values = {f"values_{number}": ", ".join(words) for number, words in enumerate(lists, start=1)}
    return {
        "title": product.title,
        "description": product.description,
        "vendor": product.vendor,
        "category": product.category_id,
        "tags": ", ".join(product.tags),
        "status": "published" if product.is_published else "draft",
        "reason": _(REASONS[0]),
        **options,
        **values,
    }


def _words(text: str) -> list[str]:
    """The values between commas, each once."""
    return once(" ".join(word.split())[:80] for word in text.split(","))


def _image(request: HttpRequest) -> UUID:
    return _id(request.POST.get("image", ""))


def _id(text: str) -> UUID:
    """Raises NotFound for what is no id."""
    try:
        return UUID(text)
    except ValueError as error:
        raise NotFound(what="image") from error
