"""Jobs about money. They run in the public schema and enter tenants themselves."""

from uuid import UUID

from core.jobs import MONEY, task
from services.account_services import open_account, sync_account, sync_stale_accounts
from services.charge_services import release_reserves
from services.debt_services import look_at_debts, send_reversal
from services.desk_operations import keep_nightly_look
from services.invoice_services import issue_invoices
from services.payout_services import run_payouts
from services.reconciliation_services import reconcile_daily
from services.transfer_services import send_payout, sweep_payouts
from services.webhook_services import apply_stripe_event, sweep_events


@task("account.open", priority=MONEY)
def open_account_job(*, opened_for: str) -> None:
    open_account(tenant_id=UUID(opened_for))


@task("account.sync", priority=MONEY)
def sync_account_job(*, stripe_account_id: str) -> None:
    sync_account(stripe_account_id=stripe_account_id)


@task("account.sync_stale", priority=MONEY, cron="25 * * * *")
def sync_stale_accounts_job() -> None:
    sync_stale_accounts()


@task("stripe_event.apply", priority=MONEY)
def apply_stripe_event_job(*, event_id: str) -> None:
    apply_stripe_event(event_id=event_id)


@task("stripe_event.sweep", priority=MONEY, cron="*/5 * * * *")
def sweep_events_job() -> None:
    sweep_events()


@task("payout.send", priority=MONEY)
def send_payout_job(*, payout_id: str) -> None:
    send_payout(payout_id=UUID(payout_id))


@task("payout.run", priority=MONEY, cron="5 * * * *")
def run_payouts_job() -> None:
    """Hourly, since it is six in the morning somewhere; each seller is looked at once on each of its own payout days."""
    run_payouts(only_due=True)


@task("reversal.send", priority=MONEY)
def send_reversal_job(*, reversal_id: str) -> None:
    send_reversal(reversal_id=UUID(reversal_id))


@task("debt.look", priority=MONEY, cron="20 5 * * *")
def look_at_debts_job() -> None:
    look_at_debts()


@task("reserve.release", priority=MONEY, cron="50 * * * *")
def release_reserves_job() -> None:
    release_reserves()


@task("payout.sweep", priority=MONEY, cron="40 * * * *")
def sweep_payouts_job() -> None:
    sweep_payouts()


@task("invoice.issue", priority=MONEY, cron="30 2 2 * *")
def issue_invoices_job() -> None:
    issue_invoices()


@task("reconcile.run", priority=MONEY, cron="10 3 * * *")
def reconcile_job() -> None:
    keep_nightly_look(reconcile_daily())
