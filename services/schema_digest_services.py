"""What a schema is made of, as text that two schemas with the same tables have in common."""

from collections.abc import Sequence

from django.db import connection

# Every object of a schema as one line, without the schema's own name (which is also the name of its role).
LINES = r"""
WITH wanted AS (SELECT oid, nspname FROM pg_namespace WHERE nspname = ANY(%s)),
relation AS (SELECT c.*, w.nspname FROM pg_class c JOIN wanted w ON w.oid = c.relnamespace),
line(nspname, text) AS (
  SELECT nspname, concat_ws(' ', 'relation', relkind, relname, CASE WHEN relrowsecurity THEN 'row security' END,
                            CASE WHEN relforcerowsecurity THEN 'forced' END, relpersistence, reloptions::text)
    FROM relation WHERE relkind <> 'i'
  UNION ALL
  SELECT r.nspname, concat_ws(' ', 'grant', r.relname, p.grantee::regrole, p.privilege_type)
    FROM relation r, aclexplode(r.relacl) p WHERE p.grantee <> r.relowner
  UNION ALL
  SELECT r.nspname, concat_ws(' ', 'column', r.relname, a.attname, format_type(a.atttypid, a.atttypmod),
                              CASE WHEN a.attnotnull THEN 'not null' END, pg_get_expr(d.adbin, d.adrelid),
                              nullif(a.attidentity, ''), nullif(a.attgenerated, ''), l.collname)
    FROM relation r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    LEFT JOIN pg_collation l ON l.oid = a.attcollation AND l.collname <> 'default'
   WHERE r.relkind IN ('r', 'p', 'v', 'm', 'f')
  UNION ALL
  SELECT r.nspname, concat_ws(' ', 'constraint', r.relname, k.conname, pg_get_constraintdef(k.oid),
                              CASE WHEN NOT k.convalidated THEN 'not valid' END)
    FROM relation r JOIN pg_constraint k ON k.conrelid = r.oid
  UNION ALL
  SELECT r.nspname, concat_ws(' ', 'index', pg_get_indexdef(i.indexrelid), CASE WHEN NOT i.indisvalid THEN 'invalid' END)
    FROM relation r JOIN pg_index i ON i.indexrelid = r.oid
  UNION ALL
  SELECT r.nspname, concat_ws(' ', 'sequence', r.relname, format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement,
                              s.seqmin, s.seqmax, s.seqcache, s.seqcycle, 'of', o.refobjid::regclass, o.refobjsubid)
    FROM relation r JOIN pg_sequence s ON s.seqrelid = r.oid
    LEFT JOIN pg_depend o ON o.classid = 'pg_class'::regclass AND o.objid = r.oid AND o.refclassid = o.classid
         AND o.deptype IN ('a', 'i')
  UNION ALL
  SELECT r.nspname, concat_ws(' ', 'trigger', pg_get_triggerdef(t.oid), t.tgenabled)
    FROM relation r JOIN pg_trigger t ON t.tgrelid = r.oid AND NOT t.tgisinternal
  UNION ALL
  SELECT r.nspname, concat_ws(' ', 'policy', r.relname, p.polname, p.polcmd, pg_get_expr(p.polqual, p.polrelid))
    FROM relation r JOIN pg_policy p ON p.polrelid = r.oid
  UNION ALL
  SELECT w.nspname, concat_ws(' ', 'function', pg_get_functiondef(f.oid))
    FROM pg_proc f JOIN wanted w ON w.oid = f.pronamespace WHERE f.prokind IN ('f', 'p')
  UNION ALL
  SELECT w.nspname, concat_ws(' ', 'type', t.typname, t.typtype,
           (SELECT string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid))
    FROM pg_type t JOIN wanted w ON w.oid = t.typnamespace WHERE t.typtype IN ('e', 'd', 'r')
),
named(nspname, text) AS (SELECT nspname, replace(replace(text, nspname || '.', ''), nspname, 'tenant') FROM line)
"""
DIGESTS = (
    LINES  # noqa: S608 - our own text
    + """SELECT w.nspname, encode(sha256(convert_to(coalesce(
           (SELECT string_agg(text, E'\\n' ORDER BY text COLLATE "C") FROM named n WHERE n.nspname = w.nspname), ''),
           'UTF8')), 'hex')
      FROM wanted w"""
)
AT_ONCE = 50


def schema_digests(schemas: Sequence[str]) -> dict[str, str]:
    """SHA-256 of each schema's structure: tables, columns, defaults, constraints, indexes, sequences, triggers,
    functions, policies and grants; rows are not part of it. A schema that does not exist is left out."""
    digests: dict[str, str] = {}
    # The catalogue is read without a search path, so that PostgreSQL writes every name with its schema.
    with connection.cursor() as cursor:
        for start in range(0, len(schemas), AT_ONCE):
            cursor.execute(DIGESTS, [list(schemas[start : start + AT_ONCE])])
            digests.update(cursor.fetchall())
    return digests


def schema_lines(schema: str) -> list[str]:
    """The lines a digest is made of, for people who look for a difference."""
    with connection.cursor() as cursor:
        cursor.execute(f'{LINES} SELECT text FROM named ORDER BY text COLLATE "C"', [[schema]])  # noqa: S608
        return [row[0] for row in cursor.fetchall()]
