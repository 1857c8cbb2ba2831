"""The fleet at the desk: how far the storefronts are, bringing them along, and looking for drift."""

import pytest
from django.db import connection

from core.clock import now
from core.models import OperationState
from services import fleet_operations
from services.fleet_operations import AlreadyRunning, start_fleet_check, start_fleet_run
from services.operation_services import find_operation
from services.schema_recording_services import ScriptDiffers, code_version
from tenants.context import tenant_scope
from tenants.models import AuditEntry, FleetEntry, Operation, ReadySchema, Tenant
from tests.desk.conftest import Desk
from tests.factories.jobs import run_jobs
from tests.factories.shop import make_variant
from tests.factories.tenants import make_operator, make_tenant
from tests.fleet.conftest import next_release, shops  # noqa: F401 - fixtures
from tests.fleet.support import have_all
from tests.tenancy.support import ELSEWHERE


@pytest.fixture
def crew(shops) -> Desk:  # noqa: F811
    """The operator's browser, beside storefronts that are committed."""
    return Desk(make_operator())


def ended(answer) -> Operation:
    """The operation that a form led to, done by a worker."""
    operation_id = answer["Location"].rsplit("/", 1)[1]
    run_jobs()
    connection.set_schema_to_public()
    return find_operation(operation_id)


# What is recorded -------------------------------------------------------------------------------------------------


def test_the_page_says_how_many_are_where(desk, tenant, other_tenant, django_assert_max_num_queries):
    third = make_tenant()
    Tenant.objects.filter(pk__in=[other_tenant.pk, third.pk]).update(schema_version="older")
    FleetEntry.objects.create(
        tenant=third,
        state="failed",
        migration="shop.0042_wide",
        error="LockNotAvailable: <canceling> statement due to lock timeout",
        attempts=5,
        changed_at=now(),
    )
    ReadySchema.objects.create(schema_name="t_old", version="older")

    with django_assert_max_num_queries(12):
        assert desk.get("/desk/fleet").status_code == 200

    for text in (
        "of 3 storefronts",
        "shop.0042_wide",
        "&lt;canceling&gt;",
        other_tenant.name,
        "1 of another version",
    ):
        assert text in desk.text, text
    assert desk.text.index(third.name) < desk.text.index(other_tenant.name), "the broken ones first"
    assert tenant.name not in desk.text
    assert "manage.py fleet migrate" in desk.text


def test_a_closed_storefront_lags_for_good_and_is_nobody_s_trouble(desk, tenant):
    Tenant.objects.filter(pk=tenant.pk).update(schema_version="older", status="closed")

    desk.get("/desk/fleet")

    assert "of 0 storefronts" in desk.text
    assert tenant.name not in desk.text


# Bringing them along ----------------------------------------------------------------------------------------------


def test_all_are_brought_along_with_progress(crew, shops, next_release):  # noqa: F811
    crew.get("/desk/fleet")
    assert "Try it alone" in crew.text

    answer = crew.post("/desk/fleet", {"action": "migrate"})
    crew.get(answer["Location"])
    assert "data-live" in crew.text
    operation = ended(answer)

    assert have_all(shops) == [True, True, True]
    assert (operation.state, operation.done, operation.total) == (OperationState.DONE, 3, 3)
    crew.get(answer["Location"])
    assert "Brought along" in crew.text
    assert "data-live" not in crew.text
    assert AuditEntry.objects.get(action="fleet.migrate").actor_id == crew.person.pk
    crew.get("/desk/operations")
    assert "Bring storefronts along" in crew.text
    crew.get("/desk/fleet")
    assert "All storefronts record" in crew.text


def test_one_that_fails_is_reported_with_its_error_and_stops_nobody(crew, shops, next_release):  # noqa: F811
    with tenant_scope(shops[1]):
        make_variant(title="Bad")

    answer = crew.post("/desk/fleet", {"action": "migrate"})
    operation = ended(answer)

    assert have_all(shops) == [True, False, True]
    assert operation.report["failures"] == 1
    (failed,) = operation.report["failed"]
    assert failed["slug"] == shops[1].slug
    crew.get(answer["Location"])
    assert failed["migration"] in crew.text
    crew.get("/desk/fleet")
    assert shops[1].name in crew.text
    assert FleetEntry.objects.get(tenant=shops[1]).error.split(":")[0] in crew.text


def test_one_is_tried_alone_and_the_others_stay(crew, shops, next_release):  # noqa: F811
    answer = crew.post("/desk/fleet", {"action": "retry", "slug": shops[2].slug})
    operation = ended(answer)

    assert have_all(shops) == [False, False, True]
    assert (operation.report["migrated"], operation.total) == (1, 1)
    crew.get(answer["Location"])
    assert f"/desk/storefronts/{shops[2].slug}" in crew.text


def test_where_all_are_well_a_run_does_nothing(crew, shops):  # noqa: F811
    operation = ended(crew.post("/desk/fleet", {"action": "migrate"}))

    assert operation.state == OperationState.DONE
    assert (operation.report["migrated"], operation.report["up_to_date"]) == (0, 3)


def test_a_release_that_is_not_sound_is_said_in_words(crew, monkeypatch):
    def differs(*_, **__):
        raise ScriptDiffers("lines")

    monkeypatch.setattr(fleet_operations, "migrate_fleet", differs)
    answer = crew.post("/desk/fleet", {"action": "migrate"})

    assert ended(answer).state == OperationState.FAILED
    crew.get(answer["Location"])
    assert "Nothing was changed" in crew.text


def test_two_runs_at_the_same_time_are_one_too_many(desk, operator, tenant):
    start_fleet_run(actor_id=operator.pk)

    with pytest.raises(AlreadyRunning):
        start_fleet_run(actor_id=operator.pk, only=tenant.pk)
    assert desk.post("/desk/fleet", {"action": "migrate"}).status_code == 409
    assert "Wait until it is over" in desk.text
    start_fleet_check(actor_id=operator.pk)
    assert desk.post("/desk/fleet", {"action": "check"}).status_code == 409
    assert Operation.objects.count() == 2


@pytest.mark.parametrize("slug", ["", "nobody", "\x00"])
def test_nobody_s_storefront_is_not_tried(desk, slug):
    assert desk.post("/desk/fleet", {"action": "retry", "slug": slug}).status_code == 404
    assert not Operation.objects.exists()


def test_a_closed_storefront_is_not_tried(desk, tenant):
    Tenant.objects.filter(pk=tenant.pk).update(status="closed")

    assert desk.post("/desk/fleet", {"action": "retry", "slug": tenant.slug}).status_code == 404


# Drift ------------------------------------------------------------------------------------------------------------


def test_drift_is_found_and_listed_line_by_line(crew, shops):  # noqa: F811
    with connection.cursor() as cursor:
        cursor.execute(f'ALTER TABLE "{shops[0].schema_name}".shop_product ADD COLUMN stray text')

    answer = crew.post("/desk/fleet", {"action": "check"})
    operation = ended(answer)

    assert (operation.report["total"], operation.report["drifted"]) == (3, 1)
    assert (operation.done, operation.total) == (3, 3)
    crew.get(answer["Location"])
    assert shops[0].slug in crew.text
    assert "stray" in crew.text
    assert shops[1].slug not in crew.text


def test_without_drift_that_is_said(crew):
    answer = crew.post("/desk/fleet", {"action": "check"})
    ended(answer)

    crew.get(answer["Location"])
    assert "Every schema is what its migrations make" in crew.text


# Long work --------------------------------------------------------------------------------------------------------


def test_long_work_is_found_again_and_its_file_kept(desk, operator):
    made = Operation.objects.create(
        kind="something.new",
        state="done",
        actor_id=operator.pk,
        output=b"a,b",
        output_type="text/csv",
        file_name="näme.csv",
    )

    desk.get("/desk/operations")
    assert "something.new" in desk.text
    assert operator.email in desk.text
    desk.get(f"/desk/operations/{made.pk}")
    assert f"/desk/operations/{made.pk}/file" in desk.text
    answer = desk.get(f"/desk/operations/{made.pk}/file")
    assert (answer.content, answer["Content-Type"]) == (b"a,b", "text/csv")
    assert "attachment" in answer["Content-Disposition"]


def test_what_is_not_there_is_not_found(desk):
    waiting = Operation.objects.create(kind="fleet.check")

    assert desk.get(f"/desk/operations/{ELSEWHERE}").status_code == 404
    assert desk.get(f"/desk/operations/{waiting.pk}/file").status_code == 404


def test_a_storefront_s_long_work_is_not_the_marketplace_s(desk, serving):
    from shop.models import Operation as ShopOperation

    theirs = ShopOperation.objects.create(kind="products.export")

    assert desk.get(f"/desk/operations/{theirs.pk}").status_code == 404


def test_many_are_listed_in_few_questions(desk, operator, django_assert_max_num_queries):
    Operation.objects.bulk_create(
        Operation(kind="fleet.check", actor_id=operator.pk, state="done") for _ in range(60)
    )

    with django_assert_max_num_queries(12):
        desk.get("/desk/operations")
    assert 'rel="next"' in desk.text


def test_this_code_s_version_is_named(desk, tenant):
    desk.get("/desk/fleet")

    assert code_version()[:12] in desk.text
