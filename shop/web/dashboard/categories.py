"""The shop's shelves: a tree of categories."""

from http import HTTPStatus
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as lazy

from core.errors import Conflict, Invalid, NotFound
from core.forms import add_refusal
from services.catalogue_services import move_category, remove_category, save_category
from shop.selectors.products import shelves
from shop.web.dashboard.frame import StaffPage, back
from shop.web.dashboard.product_forms import CategoryForm, category_choices
from tenants.permissions import MANAGERS


class CategoriesPage(StaffPage):
    """All of them, each with those inside it."""

    template = "dashboard/categories.html"
    section = "products"
    done: ClassVar[dict[str, Any]] = {"removed": lazy("Removed. Its products stay, without a category.")}
    changes: ClassVar = dict.fromkeys(("add", "change", "up", "down", "remove"), MANAGERS)

    def get(self, request: HttpRequest, **context: Any) -> HttpResponse:
        """The tree, and a form for one more."""
        tree = shelves(with_counts=True)
        return self.show(
            request,
            **{
                "shelves": tree,
                "choices": category_choices(tree)[1:],
                "form": CategoryForm(shelves=tree),
                **context,
            },
        )

    def show_again(self, request: HttpRequest, *args: Any, **context: Any) -> HttpResponse:
        """The tree."""
        return self.get(request, **context)

    def do_add(self, request: HttpRequest) -> HttpResponse:
        """One more, at the end of those beside it."""
        tree = shelves()
        form = CategoryForm(request.POST, shelves=tree)
        if form.is_valid():
            parent, name = form.cleaned_data["parent"], form.cleaned_data["name"]
            beside = [shelf for shelf in tree if shelf.parent_id == parent]
            try:
                save_category(name=name, parent_id=parent, position=len(beside))
            except (Invalid, Conflict) as refusal:
                add_refusal(form, refusal)
            else:
                return back("categories", done="added")
        return self.get(request, form=form, status=HTTPStatus.BAD_REQUEST)

    def do_change(self, request: HttpRequest) -> HttpResponse:
        """Another name, or another place in the tree."""
        category_id, form = _category(request), CategoryForm(request.POST, shelves=shelves())
        if not form.is_valid():
            reason = " ".join(text for texts in form.errors.values() for text in texts)
            return self.get(request, problem=reason, changing=category_id, status=HTTPStatus.BAD_REQUEST)
        values = form.cleaned_data
        save_category(category_id=category_id, name=values["name"], parent_id=values["parent"])
        return back("categories", done="saved")

    def do_up(self, request: HttpRequest) -> HttpResponse:
        """One up among those beside it."""
        move_category(category_id=_category(request), by=-1)
        return back("categories")

    def do_down(self, request: HttpRequest) -> HttpResponse:
        """One down among those beside it."""
        move_category(category_id=_category(request), by=1)
        return back("categories")

    def do_remove(self, request: HttpRequest) -> HttpResponse:
        """Away; its products stay."""
        remove_category(category_id=_category(request))
        return back("categories", done="removed")


def _category(request: HttpRequest) -> UUID:
    """Raises NotFound for what is no id."""
    try:
        return UUID(request.POST.get("category", ""))
    except ValueError as error:
        raise NotFound(what="category") from error
