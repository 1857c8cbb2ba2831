"""The operator at the desk, on the marketplace's host."""

import pytest
from django.db import connection
from django.test import Client

from tenants.models import Tenant, User
from tests.desk.money_support import debtor, payout, seller  # noqa: F401 - fixtures
from tests.factories.tenants import make_operator
from tests.tenancy.support import MARKETPLACE


class Desk(Client):
    """A browser on the marketplace's host; the text of the answer is kept."""

    def __init__(self, person: User | None = None) -> None:
        super().__init__(HTTP_HOST=MARKETPLACE)
        self.person = person
        self.text = ""
        if person is not None:
            self.force_login(person)

    def request(self, **request):
        """As Django's, and back to serving whom the test served before."""
        before = connection.tenant
        response = super().request(**request)
        self.text = response.content.decode(errors="replace") if not response.streaming else ""
        if isinstance(before, Tenant):
            connection.set_tenant(before)
        return response


@pytest.fixture
def operator(db) -> User:
    """One of the marketplace's own."""
    return make_operator(email="op@souk.example", name="Olga Operator")


@pytest.fixture
def desk(operator) -> Desk:
    """The operator's browser."""
    return Desk(operator)
