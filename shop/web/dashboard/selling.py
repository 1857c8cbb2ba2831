"""The shop's own pages, reviews."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from core.errors import DomainError, Invalid
from core.forms import add_refusal
from core.pagination import cursor_page
from services.page_services import DRAFTS, find_page, remove_page, save_page
from services.review_services import answer_review, hide_review, publish_review
from shop.selectors.pages import pages_of_seller
from shop.selectors.reviews import reviews_of_seller
from shop.web.dashboard.forms import AnswerForm, HideForm, PageForm
from shop.web.dashboard.frame import StaffPage
from tenants.permissions import MANAGERS, SUPPORTERS


class PagesPage(StaffPage):
    """The storefront's own pages."""

    template = "dashboard/pages.html"
    roles = MANAGERS
    section = "pages"

    def get(self, request: HttpRequest) -> HttpResponse:
        """All of them, and drafts to start from of those that are missing."""
        pages = list(pages_of_seller())
        missing = [(slug, DRAFTS[slug][0]) for slug in DRAFTS if slug not in {page.slug for page in pages}]
        return self.show(request, pages=pages, missing=missing)


class EditPage(StaffPage):
    """One page; `new` writes another one."""

    template = "dashboard/page_edit.html"
    roles = MANAGERS
    section = "pages"

    def get(self, request: HttpRequest, slug: str = "") -> HttpResponse:
        """The text, or a draft to start from."""
        if slug:
            page = find_page(slug)
            initial = {"title": page.title, "body": page.body, "is_published": page.is_published}
            return self.show(request, form=PageForm(initial=initial), page=page)
        title, body = DRAFTS.get(request.GET.get("draft", ""), ("", ""))
        return self.show(request, form=PageForm(initial={"title": title, "body": body, "is_published": True}))

    def post(self, request: HttpRequest, slug: str = "") -> HttpResponse:
        """Save or remove it."""
        page = find_page(slug) if slug else None
        if page and "remove" in request.POST:
            remove_page(slug=slug)
            return redirect("dashboard:pages")
        form = PageForm(request.POST)
        if form.is_valid():
            draft = request.GET.get("draft", "")
            named = slug or (draft if draft in DRAFTS else "")
            try:
                save_page(slug=named, is_new=not slug, **form.cleaned_data)
            except DomainError as refusal:
                add_refusal(form, refusal)
            else:
                return redirect("dashboard:pages")
        return self.show(request, form=form, page=page, status=HTTPStatus.BAD_REQUEST)


class ReviewsPage(StaffPage):
    """What buyers say, to answer and to moderate."""

    template = "dashboard/reviews.html"
    section = "reviews"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Newest first, a page at a time; `?show=unanswered` or `hidden` narrows it."""
        return self.show_list(request)

    def show_list(self, request: HttpRequest, **context: Any) -> HttpResponse:
        """The page."""
        show = request.GET.get("show", "")
        narrowed: dict[str, dict[str, Any]] = {
            "unanswered": {"unanswered": True},
            "hidden": {"status": "hidden"},
        }
        try:
            rows, cursor = cursor_page(
                reviews_of_seller(**narrowed.get(show, {})),
                fields=("created_at", "pk"),
                cursor=request.GET.get("cursor", "")[:400],
                limit=20,
            )
        except Invalid:
            return redirect("dashboard:reviews")
        return self.show(
            request, reviews=rows, shown=show, more=cursor, may_moderate=self.role in SUPPORTERS, **context
        )


class ReviewPage(ReviewsPage):
    """One review: answered, hidden, or shown again."""

    roles = SUPPORTERS

    def get(self, request: HttpRequest, review_id: UUID) -> HttpResponse:  # type: ignore[override]
        """A reload leads back to the list."""
        return redirect("dashboard:reviews")

    def post(self, request: HttpRequest, review_id: UUID) -> HttpResponse:
        """What was asked for; refused with the reason beside the review."""
        action = request.POST.get("action", "")
        form = HideForm(request.POST) if action == "hide" else AnswerForm(request.POST)
        if not form.is_valid():
            reason = next(iter(form.errors.values()))[0]
            return self.show_list(
                request, status=HTTPStatus.BAD_REQUEST, problem_of=review_id, problem=reason
            )
        if action == "hide":
            hide_review(review_id=review_id, **form.cleaned_data)
        elif action == "publish":
            publish_review(review_id=review_id)
        else:
            answer_review(review_id=review_id, **form.cleaned_data)
        return redirect(f"{reverse('dashboard:reviews')}#review-{review_id}")
