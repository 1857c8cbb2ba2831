"""Balances are written by the ledger's owner, in its triggers: whoever posts needs no right to change them."""

from django.db import migrations

TRIGGERS = ("ledger_entries_posted", "ledger_entries_summed", "ledger_is_balanced", "ledger_account_is_kept")
FORWARD = "".join(
    f"ALTER FUNCTION public.{name}() SECURITY DEFINER SET search_path = pg_catalog, pg_temp;"
    for name in TRIGGERS
)
FORWARD += """
CREATE FUNCTION public.lock_ledger_account(account bigint) RETURNS bigint LANGUAGE sql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
  AS 'SELECT balance_minor FROM public.payouts_ledgeraccount WHERE id = account FOR NO KEY UPDATE';
REVOKE EXECUTE ON FUNCTION public.lock_ledger_account(bigint) FROM PUBLIC;
"""
BACKWARD = "DROP FUNCTION public.lock_ledger_account;" + "".join(
    f"ALTER FUNCTION public.{name}() SECURITY INVOKER RESET search_path;" for name in TRIGGERS
)


class Migration(migrations.Migration):
    dependencies = [("payouts", "0010_charge_availability")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
