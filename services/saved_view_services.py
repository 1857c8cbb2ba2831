"""Lists of the dashboard with their filters, kept under a name for all of the staff."""

from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext_noop

from core.errors import Conflict, Invalid, NotFound
from shop.models import SavedView

MAX_VIEWS = 20
MAX_NAME, MAX_QUERY = 60, 1000


class NameTaken(Conflict):
    """Facts: name."""

    code = "saved_view_name_taken"
    title = gettext_noop("Another list has this name")


class TooManyViews(Conflict):
    """Facts: most."""

    code = "too_many_saved_views"
    title = gettext_noop("There are too many saved lists")
    detail = gettext_noop("{most} lists can be saved. Remove one first.")


@transaction.atomic
def save_view(*, section: str, name: str, query: str) -> SavedView:
    """Keep `query`, a query string, under a name of its own in this section.

    Locks: an advisory lock of the section, so that its limit holds. Raises Invalid, NameTaken, TooManyViews.
    """
    name = " ".join(name.split())
    if not name or len(name) > MAX_NAME:
        raise Invalid(field="name", reason=f"a name has 1 to {MAX_NAME} characters")
    if len(query) > MAX_QUERY:
        raise Invalid(field="query", reason="there are too many filters to be saved")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || %s, 0))", [f":views:{section}"]
        )
    views = SavedView.objects.filter(section=section)
    if views.filter(name=name).exists():
        raise NameTaken(name=name)
    if views.count() >= MAX_VIEWS:
        raise TooManyViews(most=MAX_VIEWS)
    return SavedView.objects.create(section=section, name=name, query=query)


def remove_view(*, section: str, view_id: UUID) -> None:
    """Forget a saved list. Raises NotFound."""
    removed, _ = SavedView.objects.filter(section=section, pk=view_id).delete()
    if not removed:
        raise NotFound(what="saved list")
