"""PostgreSQL keeps the books: append-only, balanced per currency, and closed once their transaction is over."""

from django.db import migrations

GUARDS = """
ALTER TABLE payouts_ledgertransaction ADD COLUMN xact xid8 NOT NULL DEFAULT pg_current_xact_id();

CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the ledger is append-only: % on % is refused; post a correcting transaction', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER ledger_transaction_append_only BEFORE UPDATE OR DELETE ON payouts_ledgertransaction
  FOR EACH ROW EXECUTE FUNCTION ledger_is_append_only();
CREATE TRIGGER ledger_transaction_no_truncate BEFORE TRUNCATE ON payouts_ledgertransaction
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only();
CREATE TRIGGER ledger_entry_append_only BEFORE UPDATE OR DELETE ON payouts_ledgerentry
  FOR EACH ROW EXECUTE FUNCTION ledger_is_append_only();
CREATE TRIGGER ledger_entry_no_truncate BEFORE TRUNCATE ON payouts_ledgerentry
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only();

CREATE FUNCTION ledger_transaction_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.xact := pg_current_xact_id();
  RETURN NEW;
END $$;
CREATE TRIGGER ledger_transaction_stamped BEFORE INSERT ON payouts_ledgertransaction
  FOR EACH ROW EXECUTE FUNCTION ledger_transaction_stamp();

CREATE FUNCTION ledger_is_balanced() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  ledger_transaction bigint;
  legs integer;
BEGIN
  ledger_transaction := CASE TG_TABLE_NAME WHEN 'payouts_ledgerentry' THEN (to_jsonb(NEW)->>'transaction_id')::bigint
                        ELSE (to_jsonb(NEW)->>'id')::bigint END;
  SELECT count(*) INTO legs FROM public.payouts_ledgerentry WHERE transaction_id = ledger_transaction;
  IF legs < 2 THEN
    RAISE EXCEPTION 'ledger transaction % has % entries: it takes two to balance', ledger_transaction, legs
      USING ERRCODE = 'check_violation';
  END IF;
  PERFORM 1 FROM public.payouts_ledgerentry WHERE transaction_id = ledger_transaction
    GROUP BY currency HAVING sum(amount_minor) <> 0;
  IF FOUND THEN
    RAISE EXCEPTION 'ledger transaction % does not sum to zero', ledger_transaction USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ledger_transaction_balanced AFTER INSERT ON payouts_ledgertransaction
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_is_balanced();

CREATE FUNCTION ledger_entry_fits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM public.payouts_ledgertransaction WHERE id = NEW.transaction_id AND xact = pg_current_xact_id();
  IF NOT FOUND THEN
    RAISE EXCEPTION 'ledger transaction % is closed: entries are posted together with it', NEW.transaction_id
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  PERFORM 1 FROM public.payouts_ledgeraccount WHERE id = NEW.account_id AND currency = NEW.currency;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'ledger entry in % on an account of another currency', NEW.currency USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER ledger_entry_fits BEFORE INSERT ON payouts_ledgerentry
  FOR EACH ROW EXECUTE FUNCTION ledger_entry_fits();
"""

UNGUARD = """
DROP TRIGGER ledger_entry_fits ON payouts_ledgerentry;
DROP TRIGGER ledger_transaction_balanced ON payouts_ledgertransaction;
DROP TRIGGER ledger_transaction_stamped ON payouts_ledgertransaction;
DROP TRIGGER ledger_entry_no_truncate ON payouts_ledgerentry;
DROP TRIGGER ledger_entry_append_only ON payouts_ledgerentry;
DROP TRIGGER ledger_transaction_no_truncate ON payouts_ledgertransaction;
DROP TRIGGER ledger_transaction_append_only ON payouts_ledgertransaction;
DROP FUNCTION ledger_entry_fits; DROP FUNCTION ledger_is_balanced; DROP FUNCTION ledger_transaction_stamp;
DROP FUNCTION ledger_is_append_only;
ALTER TABLE payouts_ledgertransaction DROP COLUMN xact;
"""


class Migration(migrations.Migration):
    dependencies = [("payouts", "0002_initial")]
    operations = [migrations.RunSQL(GUARDS, UNGUARD)]
