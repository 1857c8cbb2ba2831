"""`manage.py storefront`: the life of a storefront from the command line."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tenants.models import AuditEntry, Tenant
from tests.portability.leaving import NOTHING, close, left_of

pytestmark = pytest.mark.usefixtures("archives")


def storefront(*arguments: str) -> dict:
    out = StringIO()
    call_command("storefront", *arguments, "--json", stdout=out)
    return json.loads(out.getvalue())


def test_a_storefront_is_suspended_reactivated_closed_reopened_and_each_is_logged(idle):
    for action, status in (
        ("suspend", "suspended"),
        ("reactivate", "active"),
        ("close", "closed"),
        ("reopen", "suspended"),
    ):
        assert storefront(action, idle.slug, "--reason", f"to {action}")["status"] == status
        assert AuditEntry.objects.get(action=f"tenant.{action}").reason == f"to {action}"
        assert Tenant.objects.get(pk=idle.pk).status == status


def test_one_past_its_grace_is_erased(idle):
    close(idle, days_ago=31)

    told = storefront("erase", idle.slug, "--reason", "over", "--yes")

    assert told["tenant"] == str(idle.pk)
    assert told["archive"]
    assert left_of(idle) == NOTHING


def test_what_stands_against_it_is_said_and_nothing_is_erased(idle):
    with pytest.raises(CommandError, match=r"It is not closed\. Close it first\."):
        storefront("erase", idle.slug, "--reason", "over", "--yes")

    assert left_of(idle)["schema"]


def test_without_being_told_twice_it_erases_nothing(idle, monkeypatch):
    close(idle, days_ago=31)
    monkeypatch.setattr("builtins.input", lambda question: "another-shop")

    with pytest.raises(CommandError, match=r"Nothing was erased\."):
        storefront("erase", idle.slug, "--reason", "over")

    assert left_of(idle)["schema"]


def test_a_reason_is_needed(idle):
    with pytest.raises(CommandError, match="--reason"):
        storefront("close", idle.slug)
