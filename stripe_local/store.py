"""Where everything is kept: one SQLite file, a JSON document per object, and indexed values to find it by."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson

Document = dict[str, Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, account TEXT NOT NULL,
    created INTEGER NOT NULL, due_at INTEGER, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS objects_in_order ON objects (kind, account, created, seq);
CREATE INDEX IF NOT EXISTS objects_due ON objects (due_at) WHERE due_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS lookups (
    field TEXT NOT NULL, value TEXT NOT NULL, account TEXT NOT NULL, created INTEGER NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (field, value, account, created, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS balances (
    account TEXT NOT NULL, currency TEXT NOT NULL, available INTEGER NOT NULL DEFAULT 0,
    pending INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (account, currency)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pending_funds (
    available_on INTEGER NOT NULL, id TEXT NOT NULL, account TEXT NOT NULL, currency TEXT NOT NULL,
    net INTEGER NOT NULL, PRIMARY KEY (available_on, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS idempotency (
    account TEXT NOT NULL, key TEXT NOT NULL, endpoint TEXT NOT NULL, digest BLOB NOT NULL, status INTEGER NOT NULL,
    request_id TEXT NOT NULL, created INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (account, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS deliveries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL, lane TEXT NOT NULL, is_connect INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, created REAL NOT NULL, due_at REAL NOT NULL,
    is_given_up INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS deliveries_of_event ON deliveries (event);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
TABLES = ("objects", "lookups", "balances", "pending_funds", "idempotency", "deliveries", "facts")

LOOKUPS: dict[str, tuple[str, ...]] = {
    "charge": ("payment_intent", "transfer_group"),
    "refund": ("charge", "payment_intent"),
    "dispute": ("charge", "payment_intent", "status"),
    "transfer": ("destination", "transfer_group", "source_transaction"),
    "transfer_reversal": ("transfer",),
    "balance_transaction": ("type", "source", "currency", "_payout"),
    "event": ("type",),
    "payout": ("status", "destination"),
    "checkout.session": ("payment_intent", "status"),
}


@dataclass(slots=True)
class Choice:
    """Which documents are wanted, in SQL; `walk` is the table whose index has them in order."""

    walk: str
    tables: str
    where: str
    facts: list[Any]

    def add(self, condition: str, *facts: Any) -> None:
        """Want only those for which this is true, too."""
        self.where += f" AND {condition}"
        self.facts += facts


class Store:
    """Documents by id, by order and by the fields in LOOKUPS. One connection, used by one thread at a time."""

    def __init__(self, path: str) -> None:
        self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
        self.db.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 5000;"
        )
        self.make_tables()

    def make_tables(self) -> None:
        """Make the tables; the lookups of a file from before they knew account and order are made anew."""
        known = [name for _, name, *_ in self.db.execute("PRAGMA table_info(lookups)")]
        if known and "account" not in known:
            self.db.execute("ALTER TABLE lookups RENAME TO old_lookups")
        self.db.executescript(SCHEMA)
        if known and "account" not in known:
            self.db.execute(
                "INSERT INTO lookups SELECT field, value, account, created, seq FROM old_lookups JOIN objects USING (seq)"
            )
            self.db.execute("DROP TABLE old_lookups")

    def close(self) -> None:
        """Finish; the file holds everything that was committed."""
        self.db.close()

    def clear(self) -> None:
        """Forget everything."""
        with self.transaction():
            for table in TABLES:
                self.db.execute(f"DELETE FROM {table}")  # noqa: S608

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the block's writes or none."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """A part of a transaction that is undone when it raises, unless the error says that its work stays."""
        self.db.execute("SAVEPOINT attempt")
        try:
            yield
        except Exception as error:
            if not getattr(error, "keeps_work", False):
                self.db.execute("ROLLBACK TO attempt")
            raise
        finally:
            self.db.execute("RELEASE attempt")

    def insert(self, document: Document, *, account: str = "", due_at: int | None = None) -> Document:
        """Keep a new document; its `object` says what it is, its `id` where to find it."""
        kind = document["object"]
        cursor = self.db.execute(
            "INSERT INTO objects (id, kind, account, created, due_at, body) VALUES (?, ?, ?, ?, ?, ?)",
            (document["id"], kind, account, document["created"], due_at, orjson.dumps(document)),
        )
        for field in LOOKUPS.get(kind, ()):
            if document.get(field) is not None:
                row = (f"{kind}.{field}", document[field], account, document["created"], cursor.lastrowid)
                self.add_lookup(row)
        return document

    def insert_many(self, documents: Iterable[Document], *, account: str = "") -> None:
        """Keep many new documents, in their order, at once."""
        row = self.db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'objects'").fetchone()
        numbered = list(enumerate(documents, (row[0] if row else 0) + 1))
        self.db.executemany(
            "INSERT INTO objects (seq, id, kind, account, created, body) VALUES (?, ?, ?, ?, ?, ?)",
            ((n, d["id"], d["object"], account, d["created"], orjson.dumps(d)) for n, d in numbered),
        )
        self.db.executemany(
            "INSERT INTO lookups (field, value, account, created, seq) VALUES (?, ?, ?, ?, ?)",
            (
                (f"{document['object']}.{field}", document[field], account, document["created"], seq)
                for seq, document in numbered
                for field in LOOKUPS.get(document["object"], ())
                if document.get(field) is not None
            ),
        )

    def add_lookup(self, row: tuple[Any, ...]) -> None:
        """Let a document be found by one more value: field, value, account, created, seq."""
        self.db.execute(
            "INSERT OR IGNORE INTO lookups (field, value, account, created, seq) VALUES (?, ?, ?, ?, ?)", row
        )

    def save(self, document: Document) -> Document:
        """Keep a document's new contents."""
        kind = document["object"]
        fields = LOOKUPS.get(kind, ())
        seq, account, created, before = self.db.execute(
            "SELECT seq, account, created, body FROM objects WHERE id = ?", (document["id"],)
        ).fetchone()
        self.db.execute("UPDATE objects SET body = ? WHERE seq = ?", (orjson.dumps(document), seq))
        if fields:
            old = orjson.loads(before)
            for field in fields:
                place = (account, created, seq)
                self.move_lookup(f"{kind}.{field}", old.get(field), document.get(field), place)
        return document

    def move_lookup(self, field: str, old: str | None, new: str | None, place: tuple[str, int, int]) -> None:
        """Follow a value that changed, of the document with that account, created and seq."""
        if old == new:
            return
        if old is not None:
            self.db.execute(
                "DELETE FROM lookups WHERE field = ? AND value = ? AND account = ? AND created = ? AND seq = ?",
                (field, old, *place),
            )
        if new is not None:
            self.add_lookup((field, new, *place))

    def set_due(self, object_id: str, due_at: int | None) -> None:
        """When the sweep looks at this document again."""
        self.db.execute("UPDATE objects SET due_at = ? WHERE id = ?", (due_at, object_id))

    def due(self, now: int) -> list[Document]:
        """Documents whose time has come."""
        rows = self.db.execute("SELECT body FROM objects WHERE due_at <= ? ORDER BY due_at LIMIT 500", (now,))
        return [orjson.loads(body) for (body,) in rows.fetchall()]

    def get(self, kind: str, object_id: str, *, account: str = "") -> Document | None:
        """One document of that kind and account, or None."""
        row = self.db.execute(
            "SELECT body FROM objects WHERE id = ? AND kind = ? AND account = ?", (object_id, kind, account)
        ).fetchone()
        return orjson.loads(row[0]) if row else None

    def get_any(self, object_id: str) -> Document | None:
        """One document of any kind and account, or None."""
        row = self.db.execute("SELECT body FROM objects WHERE id = ?", (object_id,)).fetchone()
        return orjson.loads(row[0]) if row else None

    def account_of(self, object_id: str) -> str:
        """The account that a document belongs to."""
        return str(self.db.execute("SELECT account FROM objects WHERE id = ?", (object_id,)).fetchone()[0])

    def position(self, kind: str, object_id: str, account: str) -> tuple[int, int] | None:
        """Where a document stands in its list: (created, seq)."""
        row = self.db.execute(
            "SELECT created, seq FROM objects WHERE id = ? AND kind = ? AND account = ?",
            (object_id, kind, account),
        ).fetchone()
        return (row[0], row[1]) if row else None

    def find(self, kind: str, *, account: str = "", **values: str) -> list[Document]:
        """Every document with those values, oldest first."""
        wanted = self.choose(kind, account, {name: [value] for name, value in values.items()})
        return self.select(wanted, order="ASC", limit=-1)

    def choose(self, kind: str, account: str, values: dict[str, list[str]]) -> Choice:
        """The documents of this kind and account of which each field has one of these values."""
        single = {name: choices[0] for name, choices in values.items() if len(choices) == 1}
        rarity = {name: self.tally(f"{kind}.{name}", value, account) for name, value in single.items()}
        return chosen(kind, account, values, min(rarity, key=rarity.__getitem__, default=None))

    def tally(self, field: str, value: str, account: str) -> int:
        """How many documents have that value, counted to a thousand."""
        few = "SELECT 1 FROM lookups WHERE field = ? AND value = ? AND account = ? LIMIT 1000"
        facts = (field, value, account)
        return int(self.db.execute(f"SELECT count(*) FROM ({few})", facts).fetchone()[0])  # noqa: S608

    def select(self, wanted: Choice, *, order: str, limit: int) -> list[Document]:
        """That many of the chosen documents, from the oldest (ASC) or the newest (DESC); -1 is all."""
        at = wanted.walk
        query = (
            f"SELECT objects.body FROM {wanted.tables} WHERE {wanted.where}"  # noqa: S608
            f" ORDER BY {at}.created {order}, {at}.seq {order} LIMIT ?"
        )
        return [orjson.loads(body) for (body,) in self.db.execute(query, [*wanted.facts, limit]).fetchall()]

    def fact(self, name: str) -> str | None:
        """One remembered setting."""
        row = self.db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def set_fact(self, name: str, value: str) -> None:
        """Remember one setting."""
        self.db.execute("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)", (name, value))

    def counts(self) -> dict[str, int]:
        """How many documents of each kind there are."""
        return dict(
            self.db.execute("SELECT kind, count(*) FROM objects GROUP BY kind ORDER BY kind").fetchall()
        )


def chosen(kind: str, account: str, values: dict[str, list[str]], first: str | None) -> Choice:
    """The documents of this kind and account of which each field has one of these values.

    The lookups of the field `first`, which has a single value, are walked; the other fields are looked up for each.
    """
    if first is None:
        wanted = Choice("objects", "objects", "objects.kind = ? AND objects.account = ?", [kind, account])
    else:
        tables = "lookups CROSS JOIN objects ON objects.seq = lookups.seq"
        where = "lookups.field = ? AND lookups.value = ? AND lookups.account = ?"
        wanted = Choice("lookups", tables, where, [f"{kind}.{first}", values[first][0], account])
    for name, choices in values.items():
        if name != first:
            marks = ", ".join("?" * len(choices))
            wanted.add(
                f"EXISTS (SELECT 1 FROM lookups AS other WHERE other.field = ? AND other.value IN ({marks})"  # noqa: S608
                f" AND other.account = ? AND other.created = {wanted.walk}.created AND other.seq = {wanted.walk}.seq)",
                f"{kind}.{name}",
                *choices,
                account,
            )
    return wanted
