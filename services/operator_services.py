"""Telling the marketplace's operators what a person has to look at."""

from core.jobs import enqueue
from tenants.models import User


def tell_operators(*, subject: str, body: str) -> int:
    """Mail every active operator, as part of the current transaction. Returns how many."""
    emails = list(User.objects.filter(is_operator=True, is_active=True).values_list("email", flat=True))
    for email in emails:
        enqueue("mail.operator", email=email, subject=subject[:200], body=body[:20_000])
    return len(emails)
