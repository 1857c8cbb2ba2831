"""What a staging copy has in place of what may lead to a person or to money: an SQL expression for each column.

Replaced values are keyed with a secret that PostgreSQL makes for one copy and forgets with its transaction: two orders of
one buyer still belong together in the copy, and nobody finds out whose they were. A column that services.personal_data
does not classify stops the copy. So does a type of column that nobody has thought of.
"""

from collections.abc import Callable
from dataclasses import dataclass

from django.db import connection

from core.errors import Conflict
from services.personal_data import PERSONAL_DATA, Kind
from shop.models.address import ADDRESS_FIELDS
from shop.models.order import NOBODY

# Nobody could reach them in the copy (they are an account's or a browser's own), or they are work that is not to be done.
LEFT_OUT = frozenset(
    ["shop_address", "shop_cart", "shop_cartline", "shop_idempotencykey", "shop_operation", "shop_savedview"]
)
# A new schema has its own.
MADE_WITH_THE_SCHEMA = frozenset(["django_migrations", "django_content_type"])
# Types that say nothing of anybody.
FIGURES = frozenset(
    [
        *(
            "boolean",
            "smallint",
            "integer",
            "bigint",
            "numeric",
            "real",
            "double precision",
            "interval",
            "date",
        ),
        *("timestamp with time zone", "timestamp without time zone", "time without time zone"),
    ]
)
SAID = "Not in the staging copy."
MAIL_HOST = "staging.invalid"
UNUSABLE = "staging_"  # begins what stands where an id of Stripe's was

NEW_KEY = """
SELECT set_config('souk.staging_key', encode(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()), 'hex'), true)
"""
COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, NULL), a.attnotnull,
       EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'f' AND a.attnum = ANY (k.conkey))
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relnamespace = %s::regnamespace AND c.relkind IN ('r', 'p') AND a.attgenerated = '' ORDER BY c.relname, a.attnum
"""


class NotClassified(Conflict):
    """Nobody has said of a column whether it tells of people, so nothing was copied. Facts: columns."""

    code = "not_classified"
    title = "The storefront cannot be copied: it is not known what some of its columns say of people"
    detail = "Say it in services/personal_data.py: {columns}"


@dataclass(frozen=True)
class Column:
    """A stored column, and what PostgreSQL knows of it."""

    table: str
    name: str
    type: str
    is_required: bool
    is_reference: bool

    @property
    def sql(self) -> str:
        """Its name as it stands in SQL."""
        return f'"{self.name}"'


def columns_of(schema: str) -> dict[str, list[Column]]:
    """The columns to be copied, by table, in their order. Those that PostgreSQL works out are not among them."""
    with connection.cursor() as cursor:
        cursor.execute(COLUMNS, [schema])
        found: dict[str, list[Column]] = {}
        for row in cursor.fetchall():
            column = Column(*row)
            if column.table not in LEFT_OUT | MADE_WITH_THE_SCHEMA:
                found.setdefault(column.table, []).append(column)
        return found


def scrubbed(columns: dict[str, list[Column]]) -> dict[str, list[str]]:
    """For each table the expressions that its columns are copied by. Raises NotClassified."""
    unknown = [
        f"{table}.{column.name}"
        for table, its in columns.items()
        for column in its
        if not _is_plain(column) and column.name not in PERSONAL_DATA.get(table, {})
    ]
    if unknown:
        raise NotClassified(columns=", ".join(unknown))
    return {table: [_expression(column) for column in its] for table, its in columns.items()}


def _is_plain(column: Column) -> bool:
    """A figure, or a reference to a row of the same copy."""
    return column.is_reference or column.type in FIGURES


def _expression(column: Column) -> str:
    if _is_plain(column):
        return column.sql
    own = OWN.get((column.table, column.name))
    return own or BY_KIND[PERSONAL_DATA[column.table][column.name]](column)


# Pieces of SQL -----------------------------------------------------------------------------------------------------------


def _keyed(value: str) -> str:
    """64 hexadecimal digits that are the same for the same text, in this copy."""
    return f"encode(sha256(convert_to(current_setting('souk.staging_key') || lower({value}), 'UTF8')), 'hex')"


def _unless_blank(value: str, replaced: str) -> str:
    """NULL stays NULL, and an empty text empty."""
    return f"CASE WHEN {value} = '' THEN '' WHEN {value} IS NOT NULL THEN {replaced} END"


def _named(value: str, word: str) -> str:
    return _unless_blank(value, f"'{word} ' || left({_keyed(value)}, 8)")


def _mail(value: str) -> str:
    """Whoever was forgotten stays it (see Order); everybody else gets a mailbox that cannot be."""
    mailbox = f"left({_keyed(value)}, 20)"
    return _unless_blank(
        value,
        f"CASE WHEN {value} LIKE '%{NOBODY}' THEN {mailbox} || '{NOBODY}' ELSE {mailbox} || '@{MAIL_HOST}' END",
    )


def _street(value: str) -> str:
    return _unless_blank(
        value, f"'Example Street ' || (('x' || left({_keyed(value)}, 6))::bit(24)::int % 900 + 1)"
    )


def _place(name: str, value: str) -> str:
    return _unless_blank(value, {"postal_code": "'00000'", "city": "'Exampletown'"}.get(name, "''"))


PART: dict[str, Callable[[str], str]] = {
    "name": lambda value: _named(value, "Buyer"),
    "company": lambda value: _named(value, "Company"),
    "line1": _street,
    "line2": lambda value: _unless_blank(value, "''"),
    "phone": lambda value: _unless_blank(value, "'+00 000 000000'"),
    "country": lambda value: value,
}


def _address(column: Column) -> str:
    """The same parts; what else may have been in it is not."""
    parts = [
        f"'{name}', {PART[name](value) if name in PART else _place(name, value)}"
        for name in ADDRESS_FIELDS
        for value in [f"({column.sql} ->> '{name}')"]
    ]
    return f"CASE WHEN {column.sql} IS NOT NULL THEN jsonb_build_object({', '.join(parts)}) END"


def _facts(column: Column) -> str:
    """Figures stay; texts, and what they are nested in, go."""
    figures = "jsonb_object_agg(f.key, f.value) FILTER (WHERE jsonb_typeof(f.value) IN ('number', 'boolean'))"
    return (
        f"(SELECT coalesce({figures}, '{{}}')"  # noqa: S608 - names of our own
        f" FROM jsonb_each(CASE jsonb_typeof({column.sql}) WHEN 'object' THEN {column.sql} ELSE '{{}}' END) f)"
    )


def _account(column: Column) -> str:
    return f"left({_keyed(f'{column.sql}::text')}, 32)::uuid"


def _stripe(column: Column) -> str:
    """The same id stays the same, and Stripe knows none like it."""
    return _unless_blank(column.sql, f"'{UNUSABLE}' || left({_keyed(column.sql)}, 32)")


def _nothing(column: Column) -> str:
    if not column.is_required:
        return "NULL"
    return "'{}'::jsonb" if column.type == "jsonb" else "''"


def _random(column: Column) -> str:
    return "replace(gen_random_uuid()::text, '-', '')"


BY_KIND: dict[Kind, Callable[[Column], str]] = {
    Kind.NAME: lambda column: _named(column.sql, "Buyer"),
    Kind.EMAIL: lambda column: _mail(column.sql),
    Kind.PHONE: lambda column: PART["phone"](column.sql),
    Kind.STREET: lambda column: _street(column.sql),
    Kind.PLACE: lambda column: _place(column.name, column.sql),
    Kind.ADDRESS: _address,
    Kind.WORDS: lambda column: _unless_blank(column.sql, f"'{SAID}'"),
    Kind.FACTS: _facts,
    Kind.FILE: _nothing,
    Kind.ACCOUNT: _account,
    Kind.CALLER: _nothing,
    Kind.PARCEL: lambda column: _unless_blank(
        column.sql, f"'STAGING' || upper(left({_keyed(column.sql)}, 12))"
    ),
    Kind.SECRET: _random,
    Kind.STRIPE: _stripe,
    Kind.GATEWAY: _nothing,
    Kind.NONE: lambda column: column.sql,
}
# What its kind alone does not say.
OWN: dict[tuple[str, str], str] = {
    ("shop_shipment", "tracking_url"): "''",
    ("shop_payment", "checkout_url"): "''",
    ("shop_payment", "client_secret"): "''",
    # A page that waited for money is opened anew, with a key that is the copy's own.
    ("shop_payment", "session_id"): f"CASE status WHEN 'pending' THEN NULL ELSE {_stripe(Column('', 'session_id', '', False, False))} END",
    ("shop_payment", "intent_id"): f"CASE status WHEN 'pending' THEN NULL ELSE {_stripe(Column('', 'intent_id', '', False, False))} END",
    # Refunds and payments of this copy are referred to by their id; a dispute's id is Stripe's.
    ("shop_creditline", "source"): f"CASE WHEN source LIKE 'dispute:%' THEN 'dispute:{UNUSABLE}' || left({_keyed('source')}, 32) ELSE source END",
    # What somebody was told of once; among them are ids of disputes and times.
    ("shop_notification", "dedupe_key"): f"'copied:' || left({_keyed('dedupe_key')}, 40)",
    ("shop_notification", "mail_state"): "'none'",
}  # fmt: skip
