"""The entries of a transaction balance statement by statement: nobody can have it checked early and then add to it."""

from django.db import migrations

BALANCED = """
CREATE FUNCTION ledger_entries_summed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  wrong bigint;
BEGIN
  SELECT e.transaction_id INTO wrong FROM public.payouts_ledgerentry e
   WHERE e.transaction_id IN (SELECT p.transaction_id FROM posted p)
   GROUP BY e.transaction_id, e.currency HAVING sum(e.amount_minor) <> 0 LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'ledger transaction % does not sum to zero', wrong USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER ledger_entries_summed AFTER INSERT ON payouts_ledgerentry REFERENCING NEW TABLE AS posted
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_entries_summed();
"""
UNDO = """
DROP TRIGGER ledger_entries_summed ON payouts_ledgerentry;
DROP FUNCTION ledger_entries_summed;
"""


class Migration(migrations.Migration):
    dependencies = [("payouts", "0008_reconciliation")]
    operations = [migrations.RunSQL(BALANCED, UNDO)]
