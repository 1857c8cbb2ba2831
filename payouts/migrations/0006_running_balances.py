"""Posting keeps the sellers' balances and the list of unpaid entries, once per statement; nobody else writes balances."""

from django.db import migrations

POSTING = """
CREATE FUNCTION ledger_entries_posted() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  wrong bigint;
BEGIN
  SELECT p.transaction_id INTO wrong FROM posted p
    LEFT JOIN public.payouts_ledgertransaction t ON t.id = p.transaction_id AND t.xact = pg_current_xact_id()
   WHERE t.id IS NULL LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'ledger transaction % is closed: entries are posted together with it', wrong
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  SELECT p.id INTO wrong FROM posted p
    LEFT JOIN public.payouts_ledgeraccount a ON a.id = p.account_id AND a.currency = p.currency
   WHERE a.id IS NULL LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'ledger entry % is on an account of another currency', wrong USING ERRCODE = 'check_violation';
  END IF;
  -- All accounts of a seller in one currency, in one order: two postings never wait for each other crosswise.
  PERFORM 1 FROM public.payouts_ledgeraccount a
    WHERE (a.tenant_id, a.currency) IN (SELECT h.tenant_id, h.currency FROM posted p
            JOIN public.payouts_ledgeraccount h ON h.id = p.account_id WHERE h.tenant_id IS NOT NULL)
    ORDER BY a.id FOR NO KEY UPDATE;
  UPDATE public.payouts_ledgeraccount a SET balance_minor = a.balance_minor + p.amount_minor
    FROM (SELECT account_id, sum(amount_minor) AS amount_minor FROM posted GROUP BY account_id) p
   WHERE a.id = p.account_id AND a.tenant_id IS NOT NULL;
  INSERT INTO public.payouts_unpaidentry (entry_id, account_id, charge_id, amount_minor)
  SELECT p.id, p.account_id, p.charge_id, p.amount_minor FROM posted p
    JOIN public.payouts_ledgeraccount a ON a.id = p.account_id AND a.kind = 'seller_payable'
   WHERE p.part <> 'transfer';
  RETURN NULL;
END $$;

DROP TRIGGER ledger_entry_fits ON payouts_ledgerentry;
DROP FUNCTION ledger_entry_fits;
CREATE TRIGGER ledger_entries_posted AFTER INSERT ON payouts_ledgerentry REFERENCING NEW TABLE AS posted
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_entries_posted();

CREATE OR REPLACE FUNCTION ledger_is_balanced() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  legs bigint;
  uneven boolean;
BEGIN
  SELECT sum(c.legs), bool_or(c.total <> 0) INTO legs, uneven FROM (
    SELECT count(*) AS legs, sum(amount_minor) AS total FROM public.payouts_ledgerentry
     WHERE transaction_id = NEW.id GROUP BY currency) c;
  IF coalesce(legs, 0) < 2 THEN
    RAISE EXCEPTION 'ledger transaction % has % entries: it takes two to balance', NEW.id, coalesce(legs, 0)
      USING ERRCODE = 'check_violation';
  END IF;
  IF uneven THEN
    RAISE EXCEPTION 'ledger transaction % does not sum to zero', NEW.id USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;

UPDATE payouts_ledgeraccount a SET balance_minor = e.total
  FROM (SELECT account_id, sum(amount_minor) AS total FROM payouts_ledgerentry GROUP BY account_id) e
 WHERE e.account_id = a.id AND a.tenant_id IS NOT NULL;
INSERT INTO payouts_unpaidentry (entry_id, account_id, charge_id, amount_minor)
SELECT e.id, e.account_id, e.charge_id, e.amount_minor FROM payouts_ledgerentry e
  JOIN payouts_ledgeraccount a ON a.id = e.account_id AND a.kind = 'seller_payable'
 WHERE e.part <> 'transfer'
   AND NOT EXISTS (SELECT 1 FROM payouts_payoutentry p WHERE p.entry_id = e.id AND p.released_at IS NULL);
UPDATE payouts_charge c SET refunded_minor = r.total
  FROM (SELECT e.charge_id, sum(e.amount_minor) AS total FROM payouts_ledgerentry e
         WHERE e.part = 'refund' AND e.charge_id IS NOT NULL GROUP BY 1) r
 WHERE r.charge_id = c.charge_id;

CREATE FUNCTION ledger_account_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    NEW.balance_minor := 0;
    RETURN NEW;
  END IF;
  -- Posting entries changes a balance from inside a trigger; anything else is somebody at the books.
  IF TG_OP = 'DELETE' OR pg_trigger_depth() < 2 THEN
    RAISE EXCEPTION 'a ledger account changes by its entries only: % is refused', TG_OP
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER ledger_account_is_kept BEFORE INSERT OR UPDATE OR DELETE ON payouts_ledgeraccount
  FOR EACH ROW EXECUTE FUNCTION ledger_account_is_kept();
"""

UNDO = """
DROP TRIGGER ledger_account_is_kept ON payouts_ledgeraccount;
DROP FUNCTION ledger_account_is_kept;
DROP TRIGGER ledger_entries_posted ON payouts_ledgerentry;
DROP FUNCTION ledger_entries_posted;
DELETE FROM payouts_unpaidentry;
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


class Migration(migrations.Migration):
    dependencies = [("payouts", "0005_disputes_reserves_debts")]
    operations = [migrations.RunSQL(POSTING, UNDO)]
