"""How our books and the copy of Stripe's balance transactions are compared, in SQL: by sets, whatever their size.

All work on one temporary table of lines, a natural key each (or the id of what Souk does not book), or a sum.
"""

# Each natural key with what both sides say. Fees are booked on their own; a dispute's together with its amount. What
# happened within the grace is on its way to the other side, unless it is a known difference.
LINES = """
DROP TABLE IF EXISTS pg_temp.reconcile_line;
CREATE TEMPORARY TABLE reconcile_line ON COMMIT DROP AS
WITH expected AS (
  SELECT key, currency, sum(amount) AS theirs, min(created) AS at, left(string_agg(what, ', '), 300) AS what
    FROM (SELECT key, currency, CASE type WHEN 'adjustment' THEN net_minor ELSE amount_minor END AS amount, created,
                 type || ' ' || id AS what
            FROM public.payouts_stripetransaction WHERE key <> '' AND key NOT LIKE 'staging:%%'
           UNION ALL
          SELECT 'fee:' || id, currency, -fee_minor, created, 'fee of ' || type || ' ' || source
            FROM public.payouts_stripetransaction
           WHERE key <> '' AND key NOT LIKE 'staging:%%' AND type <> 'adjustment' AND fee_minor <> 0) part
   GROUP BY key, currency
), booked AS (
  SELECT t.key, a.currency, sum(e.amount_minor) AS ours, t.occurred_at AS at, t.posted_at,
         t.kind || coalesce(' of ' || s.slug, '') AS what
    FROM public.payouts_ledgerentry e
    JOIN public.payouts_ledgeraccount a ON a.id = e.account_id AND a.kind = 'stripe_balance'
    JOIN public.payouts_ledgertransaction t ON t.id = e.transaction_id
    LEFT JOIN public.tenants_tenant s ON s.id = t.tenant_id
   GROUP BY t.id, s.slug, a.currency HAVING sum(e.amount_minor) <> 0
), both_sides AS (
  SELECT CASE WHEN coalesce(b.ours, 0) = coalesce(x.theirs, 0) THEN NULL WHEN b.ours IS NULL THEN 'only_at_stripe'
              WHEN x.theirs IS NULL THEN 'only_in_our_books' ELSE 'amount_differs' END AS kind,
         key AS subject, currency, (coalesce(x.at, b.at) AT TIME ZONE 'UTC')::date AS day, b.ours, x.theirs,
         coalesce(x.what, b.what) AS detail,
         CASE WHEN b.ours IS NULL THEN abs(extract(epoch FROM x.at - %(now)s)) < %(grace)s
              ELSE x.theirs IS NULL AND b.posted_at > %(settled)s END AS is_young
    FROM expected x FULL JOIN booked b USING (key, currency)
)
SELECT l.*, false AS is_sum, l.is_young AND l.kind IS NOT NULL AND NOT EXISTS (
         SELECT 1 FROM public.payouts_difference d WHERE d.kind = l.kind AND d.subject = l.subject
            AND d.currency = l.currency AND d.status <> 'solved') AS is_on_its_way
  FROM both_sides l
 UNION ALL
SELECT 'not_booked_by_souk', id, currency, (created AT TIME ZONE 'UTC')::date, NULL, net_minor, type || ' of ' || source,
       false, false, false
  FROM public.payouts_stripetransaction WHERE key = '' AND net_minor <> 0
"""
# What was moved to each seller: by the books, and by the payouts whose statements the sellers have.
SELLERS = """
INSERT INTO reconcile_line
SELECT 'amount_differs', m.part || ':' || s.slug, m.currency, (%(now)s AT TIME ZONE 'UTC')::date, sum(m.ours),
       sum(m.theirs), 'in the books, and by the seller''s payouts', false, true, false
  FROM (SELECT a.tenant_id, a.currency, CASE e.part WHEN 'transfer' THEN 'payouts' ELSE 'reversals' END AS part,
               CASE e.part WHEN 'transfer' THEN e.amount_minor ELSE -e.amount_minor END AS ours, 0 AS theirs
          FROM public.payouts_ledgerentry e
          JOIN public.payouts_ledgeraccount a ON a.id = e.account_id AND a.kind = 'seller_payable'
         WHERE e.part IN ('transfer', 'reversal')
         UNION ALL
        SELECT tenant_id, currency, 'payouts', 0, amount_minor FROM public.payouts_payout WHERE transfer_id IS NOT NULL
         UNION ALL
        SELECT tenant_id, currency, 'reversals', 0, reversed_minor FROM public.payouts_payout) m
  JOIN public.tenants_tenant s ON s.id = m.tenant_id
 GROUP BY m.part, s.slug, m.currency HAVING sum(m.ours) <> sum(m.theirs)
"""
# What our books hold at Stripe, with what is on its way and what an operator has explained. What staging copies were paid
# is held there, too, and is in nobody's books.
BALANCES = """
INSERT INTO reconcile_line
SELECT 'balance_differs', 'stripe_balance', currency, (%(now)s AT TIME ZONE 'UTC')::date, o.booked + o.on_its_way + o.explained,
       o.held, format('ledger %%s, on its way %%s, explained %%s; Stripe lists %%s', o.booked, o.on_its_way, o.explained,
                      o.listed), false, true, false
  FROM (SELECT currency, sum(booked) AS booked, sum(on_its_way) AS on_its_way, sum(explained) AS explained,
               sum(held) AS held, (SELECT coalesce(sum(net_minor), 0) FROM public.payouts_stripetransaction t
                                    WHERE t.currency = p.currency) AS listed
          FROM (SELECT currency, ours AS booked, 0 AS explained, 0 AS held,
                       CASE WHEN is_on_its_way THEN coalesce(theirs, 0) - coalesce(ours, 0) ELSE 0 END AS on_its_way
                  FROM reconcile_line WHERE NOT is_sum
                 UNION ALL
                SELECT currency, 0, coalesce(theirs_minor, 0) - coalesce(ours_minor, 0), 0, 0
                  FROM public.payouts_difference d
                 WHERE status = 'explained' AND EXISTS (SELECT 1 FROM reconcile_line l WHERE NOT l.is_sum
                       AND l.kind = d.kind AND l.subject = d.subject AND l.currency = d.currency)
                 UNION ALL
                SELECT currency, 0, 0, -net_minor, 0 FROM public.payouts_stripetransaction WHERE key LIKE 'staging:%%'
                 UNION ALL
                SELECT h.currency, 0, 0, h.held, 0
                  FROM unnest(%(currencies)s::text[], %(held)s::bigint[]) AS h(currency, held)) p
         GROUP BY currency) o
 WHERE o.booked + o.on_its_way + o.explained <> o.held
"""
IN_SCOPE = "(%(since)s::date IS NULL OR {0}.day >= %(since)s OR {1})"
LINE_IN_SCOPE = IN_SCOPE.format("l", "l.is_sum")
KNOWN_IN_SCOPE = IN_SCOPE.format(
    "d",
    "d.kind = 'balance_differs' OR d.kind = 'amount_differs' AND d.subject ~ '^(payouts|reversals):'",
)
# An explanation holds for what it was given for: the gap between the two sides.
KEEP = f"""
INSERT INTO public.payouts_difference AS d (kind, subject, currency, day, ours_minor, theirs_minor, detail,
                                            first_seen_at, last_seen_at, status, note)
SELECT kind, subject, currency, day, ours, theirs, detail, %(now)s, %(now)s, 'open', '' FROM reconcile_line l
 WHERE kind IS NOT NULL AND NOT is_on_its_way AND (kind = 'balance_differs') = %(balances)s AND {LINE_IN_SCOPE}
 ORDER BY kind, subject, currency
    ON CONFLICT (kind, subject, currency) DO UPDATE SET
       ours_minor = EXCLUDED.ours_minor, theirs_minor = EXCLUDED.theirs_minor, detail = EXCLUDED.detail,
       last_seen_at = EXCLUDED.last_seen_at, solved_at = NULL, solved_by_id = NULL,
       first_seen_at = CASE d.status WHEN 'solved' THEN EXCLUDED.first_seen_at ELSE d.first_seen_at END,
       status = CASE WHEN d.status = 'explained'
                      AND coalesce(d.theirs_minor, 0) - coalesce(d.ours_minor, 0)
                        = coalesce(EXCLUDED.theirs_minor, 0) - coalesce(EXCLUDED.ours_minor, 0)
                     THEN d.status ELSE 'open' END
"""  # noqa: S608
SOLVE = f"""
UPDATE public.payouts_difference d SET status = 'solved', solved_at = %(now)s, solved_by_id = (
       SELECT t.id FROM public.payouts_ledgertransaction t
        WHERE d.kind = 'only_at_stripe' AND t.key = d.subject)
 WHERE d.status <> 'solved' AND d.last_seen_at <> %(now)s AND {KNOWN_IN_SCOPE}
   AND (d.kind <> 'balance_differs' OR %(has_balance)s)
"""  # noqa: S608
DAYS = f"""
SELECT l.day, l.currency, coalesce(sum(l.ours), 0)::bigint AS ours_minor, coalesce(sum(l.theirs), 0)::bigint AS theirs_minor,
       count(d.id) FILTER (WHERE d.status = 'open') AS open, count(d.id) FILTER (WHERE d.status = 'explained') AS explained
  FROM reconcile_line l
  LEFT JOIN public.payouts_difference d
    ON d.kind = l.kind AND d.subject = l.subject AND d.currency = l.currency AND d.last_seen_at = %(now)s
 WHERE NOT l.is_sum AND {LINE_IN_SCOPE} GROUP BY l.day, l.currency ORDER BY l.day, l.currency
"""  # noqa: S608
BOOKINGS = f"""
SELECT count(*) FROM reconcile_line l WHERE l.ours IS NOT NULL AND NOT l.is_sum AND {LINE_IN_SCOPE}
"""  # noqa: S608
