"""What is left of an erased storefront, and what is not, whoever is killed meanwhile."""

from contextlib import nullcontext
from datetime import timedelta

import pytest
from django.conf import settings

import services.lifecycle_services as lifecycle
from core.clock import now
from core.db import as_marketplace
from core.ids import new_id
from core.jobs import enqueue
from core.models import Job
from payouts.models import (
    Charge,
    LedgerAccount,
    LedgerEntry,
    Payout,
    SellerAccount,
)
from services.export_services import file_of
from services.invariant_services import audit
from services.leaving_services import NotErasable
from services.lifecycle_services import BeingErased, alone_with, erase_closed
from services.tenant_services import (
    close_tenant,
    provision_tenant,
    sign_up_seller,
)
from services.webhook_services import store_event
from shop.models import Order
from tenants.context import tenant_scope
from tenants.jobs import forget_expired
from tenants.models import (
    Archive,
    AuditEntry,
    Domain,
    DomainClaim,
    FleetEntry,
    ListedProduct,
    ListedStorefront,
    Membership,
    RetiredSchema,
    Session,
    Tenant,
    TenantStatus,
    User,
)
from tenants.slugs import SlugUnavailable
from tests.factories.jobs import run_jobs
from tests.factories.tenants import PASSWORD, add_member, make_operator, make_tenant, make_user, owner_of
from tests.factories.threads import Gate, at_once, failures
from tests.portability.leaving import (
    ALL,
    NOTHING,
    close,
    erase,
    left_of,
    places,
    shared_rows,
    wind_down,
)
from tests.portability.support import fill, likeness
from tests.tenancy.support import MARKETPLACE, ask, tokens

pytestmark = pytest.mark.usefixtures("archives")


def books() -> tuple[list, ...]:
    """Every figure there is."""
    return (
        list(LedgerEntry.objects.order_by("pk").values_list("pk", "account_id", "amount_minor", "part")),
        list(LedgerAccount.objects.order_by("pk").values_list("pk", "balance_minor")),
        list(Charge.objects.order_by("pk").values()),
        list(Payout.objects.order_by("pk").values_list("pk", "number", "amount_minor", "status")),
        [payout.statement["totals"] for payout in Payout.objects.order_by("pk")],
    )


# Erasing ------------------------------------------------------------------------------------------------------------------


def test_nothing_of_an_erased_storefront_is_left_but_its_figures(leaving):
    operator, owner = make_operator(), owner_of(leaving)
    tokens(owner, leaving)
    FleetEntry.objects.create(tenant=leaving, state="current", changed_at=now())
    DomainClaim.objects.create(tenant=leaving, domain="shop.example.org", token="t")
    Domain.objects.create(tenant=leaving, domain="shop.example.org", is_primary=False)
    ListedStorefront.objects.get_or_create(tenant=leaving, defaults={"refreshed_at": now()})
    retired = make_tenant()  # lends its schema: one that a restore had put aside
    Tenant.objects.filter(pk=retired.pk).update(schema_name="t_zzzzzzzzzzzzzzzzz")
    RetiredSchema.objects.create(
        schema_name=retired.schema_name,
        tenant=leaving,
        retired_at=now(),
        drop_after=now() + timedelta(days=7),
    )
    with tenant_scope(leaving):
        enqueue("directory.refresh")
    assert left_of(leaving) == ALL
    before = books()
    steps: list[tuple[int, int]] = []

    archive = erase(leaving, operator, on_progress=lambda done, total: steps.append((done, total)))

    assert left_of(leaving) == NOTHING
    assert left_of(retired) == NOTHING
    assert books() == before
    found = Tenant.objects.get(pk=leaving.pk)
    assert (found.status, found.name, found.brand, found.support_email, found.status_reason) == (
        TenantStatus.ERASED,
        "Erased storefront",
        {},
        "",
        "",
    )
    assert found.erased_at is not None
    gone = (
        Domain,
        DomainClaim,
        Membership,
        Session,
        FleetEntry,
        ListedStorefront,
        ListedProduct,
        RetiredSchema,
    )
    assert [rows.__name__ for rows in gone if rows.objects.filter(tenant=leaving).exists()] == []
    assert not Job.objects.filter(tenant_id=leaving.pk).exists()
    account = SellerAccount.objects.get(tenant=leaving)
    assert (account.legal_name, account.legal_address, account.tax_id, account.requirements) == (
        "",
        "",
        "",
        {},
    )
    assert account.stripe_account_id  # to compare the books with
    assert archive is not None
    assert (archive.kind, file_of(archive).is_file()) == ("farewell", True)
    entry = AuditEntry.objects.get(action="tenant.erase")
    assert (entry.actor_id, entry.reason) == (operator.pk, "asked for")
    assert entry.facts == {"archive": str(archive.pk)}
    assert steps[-1] == (3, 3)
    assert steps[0][0] == 0 < steps[0][1]


def test_nobody_is_named_in_any_shared_row_afterwards(committed, stripe_local):
    """Buyers, staff, the shop: what is distinctive of them is nowhere but in accounts, which are the marketplace's."""
    tenant = make_tenant(
        owner=make_user("zenobia@owner.example", name="Zenobia Quill"), slug="quillery-on-sea"
    )
    buyer = make_user("ottoline@buyer.example", name="Ottoline Fennimore", email_verified_at=now())
    helper = add_member(tenant, "support", make_user("barnaby@helper.example", name="Barnaby Tuck"))
    Tenant.objects.filter(pk=tenant.pk).update(name="The Quillery", support_email="desk@quillery.example")
    SellerAccount.objects.filter(tenant=tenant).update(
        legal_name="Quill & Daughters", legal_address="7 Harbour Row", tax_id="DE811907980"
    )
    tenant.refresh_from_db()
    fill(tenant, stripe_local, buyer=buyer)
    run_jobs()
    operator = make_operator()
    AuditEntry.objects.create(
        action="tenant.suspend",
        tenant=tenant,
        actor_id=operator.pk,
        reason="Ottoline Fennimore complained",
        facts={"code": "OTTOLINE10", "user": str(helper.pk), "legal_name": "Quill & Daughters"},
    )
    receive_all(stripe_local)
    wind_down(tenant, stripe_local)
    receive_all(stripe_local)
    run_jobs()
    closed = close_tenant(tenant_id=tenant.pk, actor_id=operator.pk, reason="Zenobia Quill asked for it")
    run_jobs()
    Tenant.objects.filter(pk=tenant.pk).update(erase_after=now())
    words = (
        "zenobia",
        "ottoline",
        "fennimore",
        "barnaby",
        "quill",
        "7 Harbour Row",
        "DE811907980",
        "ada lovelace",
        "unter den linden",
        "guest@example.com",
        "buyer@example.com",
        closed.slug,
    )
    accounts = ("tenants_user",)
    before = places(words, shared_rows(besides=accounts))
    assert {table for table, _ in before} >= {  # what is looked for is really there before
        "payouts_stripeevent",
        "tenants_tenant",
        "tenants_auditentry",
        "payouts_payout",
        "payouts_selleraccount",
        "payouts_commissioninvoice",
    }
    mentions = [word for table, word in before if table == "payouts_commissioninvoice"]
    assert mentions == ["7 Harbour Row", "DE811907980", "quill"]  # the seller, as the law asks; no buyer

    erase(tenant, operator)

    # The invoice was made out to the business. An archive's name has the shop's in it, until it expires.
    allowed = {"payouts_commissioninvoice", "tenants_archive"}
    assert [found for found in places(words, shared_rows(besides=accounts)) if found[0] not in allowed] == []
    assert User.objects.filter(pk__in=[buyer.pk, helper.pk]).count() == 2
    kept = AuditEntry.objects.get(action="tenant.suspend")
    assert (kept.actor_id, kept.reason, kept.facts) == (operator.pk, "", {"user": str(helper.pk)})


def receive_all(stripe_local) -> None:
    """Stripe's events arrive, and are applied."""
    for event in stripe_local.events():
        store_event(event)
    run_jobs()


def test_another_storefront_is_the_same_to_the_last_byte(leaving, stripe_local):
    other = make_tenant()
    fill(other, stripe_local, buyer=make_user("grace@example.com"))
    run_jobs()
    before, shared = likeness(other.schema_name), shared_rows()

    erase(leaving)

    assert likeness(other.schema_name) == before
    assert ask(other.host, "GET", "/").status_code == 200
    after = shared_rows()
    for table, rows in shared.items():
        of_other = [row for row in rows if str(other.pk) in row]
        assert [row for row in after[table] if str(other.pk) in row] == of_other, table
    assert left_of(other) == ALL


def test_the_audit_finds_nothing_wrong_afterwards(leaving):
    erase(leaving)

    assert audit().violations == []


def test_an_order_page_and_the_shops_address_answer_as_if_they_had_never_been(leaving, stripe_local):
    with tenant_scope(leaving), as_marketplace():
        secret = Order.objects.first().secret
    owner = owner_of(leaving)
    erase(leaving)
    never = ask("never-was-a-shop.souk.localhost", "GET", "/")

    for path in ("/", f"/orders/{secret}", "/dashboard", "/api/v1/products"):
        answer = ask(leaving.host, "GET", path)
        assert (answer.status_code, answer["Content-Type"]) == (404, never["Content-Type"])
    assert ask(MARKETPLACE, "GET", f"/internal/tls-ask?domain={leaving.host}").status_code != 200
    assert tokens(owner, None).access  # the person is still somebody at the marketplace


def test_a_job_of_an_erased_storefront_is_dropped(leaving):
    erase(leaving)
    Job.objects.create(task="directory.refresh", args={}, tenant_id=leaving.pk, run_at=now(), max_attempts=3)

    run_jobs()

    assert not Job.objects.filter(task="directory.refresh").exists()


# Its address --------------------------------------------------------------------------------------------------------------


def test_the_address_of_an_erased_storefront_and_its_look_alikes_are_not_given_again(idle):
    Tenant.objects.filter(pk=idle.pk).update(slug="paper-lamps", slug_skeleton="paperlamps")
    close(Tenant.objects.get(pk=idle.pk), days_ago=31)
    erase(idle)
    assert not Tenant.objects.filter(slug_skeleton="paperlamps").exists()

    for slug in ("paper-lamps", "paperlamps", "paper1amps"):
        with pytest.raises(SlugUnavailable):
            sign_up_seller(email="new@example.com", password=PASSWORD, name="New", slug=slug)
        with pytest.raises(SlugUnavailable):
            provision_tenant(
                email="new@example.com",
                name="New",
                slug=slug,
                currency="EUR",
                country="DE",
                actor_id=new_id(),
            )
    made = sign_up_seller(email="new@example.com", password=PASSWORD, name="New", slug="paper-lamp-two")
    assert made.tenant.slug == "paper-lamp-two"


def test_a_domain_of_its_own_is_free_again_for_whoever_proves_it(idle):
    Domain.objects.create(domain="lamps.example.org", tenant=idle, is_primary=False, verified_at=now())
    close(idle, days_ago=31)
    erase(idle)

    other = make_tenant()
    Domain.objects.create(domain="lamps.example.org", tenant=other, is_primary=False, verified_at=now())
    assert ask("lamps.example.org", "GET", "/").status_code in (
        200,
        301,
    )  # served, or sent to where the shop is known


# Killed, and at once ------------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process is gone."""


STEPS = [
    "export_storefront",
    "_mark_erased",
    "lock_tenant",
    "forget_storefront",
    "record_audit",
    "remove_remains",
    "drop_retired",
    "drop_if_there",
    "drop_schema",
    "remove_pictures",
]


@pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_it_is_whole_or_erased_and_is_erased_by_the_next_try(
    committed, monkeypatch, step, is_done
):
    tenant = make_tenant()
    folder = settings.MEDIA_ROOT / str(tenant.pk)
    folder.mkdir(parents=True)
    (folder / "picture.webp").write_bytes(b"picture")
    retired = make_tenant()
    Tenant.objects.filter(pk=retired.pk).update(schema_name="t_zzzzzzzzzzzzzzzzz")
    RetiredSchema.objects.create(
        schema_name=retired.schema_name, tenant=tenant, retired_at=now(), drop_after=now()
    )
    close(tenant, days_ago=31)
    real = getattr(lifecycle, step)

    def dies(*args, **kwargs):
        if is_done:
            real(*args, **kwargs)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(lifecycle, step, dies)
        with pytest.raises(Killed):
            erase(tenant)

    found = Tenant.objects.get(pk=tenant.pk)
    if found.status == TenantStatus.CLOSED:
        assert left_of(tenant) == ALL
        assert (found.name, found.slug) == (tenant.name, tenant.slug)
        assert Membership.objects.filter(tenant=tenant).exists()
        assert erase_closed() == ([tenant.pk], {})
    else:
        assert not Membership.objects.filter(tenant=tenant).exists()
        forget_expired()
    assert Tenant.objects.get(pk=tenant.pk).status == TenantStatus.ERASED
    assert (left_of(tenant), left_of(retired)) == (NOTHING, NOTHING)
    assert AuditEntry.objects.filter(action="tenant.erase").count() == 1


def test_two_who_erase_it_at_once_erase_it_once(leaving):
    results = at_once([lambda: erase(leaving)] * 3)

    assert failures(results, BeingErased) == []
    assert AuditEntry.objects.filter(action="tenant.erase").count() == 1
    assert Archive.objects.filter(kind="farewell").count() == 1
    assert left_of(leaving) == NOTHING


def test_without_the_lock_two_would_take_leave_twice(leaving, monkeypatch):
    """The control: what the lock prevents. The row still decides, so that it is erased once."""
    gate, export = Gate(2), lifecycle.export_storefront

    def export_together(**options):
        gate.wait()
        return export(**options)

    monkeypatch.setattr(lifecycle, "alone_with", lambda tenant_id: nullcontext())
    monkeypatch.setattr(lifecycle, "export_storefront", export_together)

    results = at_once([lambda: erase(leaving)] * 2)

    assert len(failures(results)) == 1
    assert isinstance(failures(results)[0], NotErasable)
    assert Archive.objects.filter(kind="farewell").count() == 2
    assert AuditEntry.objects.filter(action="tenant.erase").count() == 1


def test_one_that_is_being_restored_is_left_alone(leaving):
    def somebody_else():
        with alone_with(leaving.pk):
            return at_once([lambda: erase(leaving)])[0]

    assert isinstance(somebody_else(), BeingErased)
    assert Tenant.objects.get(pk=leaving.pk).status == TenantStatus.CLOSED
    erase(leaving)
    assert left_of(leaving) == NOTHING
