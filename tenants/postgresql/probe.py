"""What PostgreSQL must be like before Souk serves: sessions that stay ours, and a role that cannot change the books.

A pooler in transaction mode lends one session to several connections: a search path or a role that was set for one
storefront would then serve another, with no error (docs/decisions/0024). And who owns the ledger's tables may switch
their guards off.
"""

import re
from collections.abc import Callable
from contextlib import closing
from typing import Any

import psycopg2
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from psycopg2.extensions import connection as Session

from tenants.postgresql.base import enter_sql

ROUNDS = 5
TELLS_ITS_PATH = 180000  # PostgreSQL 18 reports search_path whenever it changes, so a pooler can know it
MAY_CHANGE_BOOKS = """
SELECT coalesce(bool_or(pg_has_role(session_user, relowner, 'MEMBER')), false) FROM pg_class
 WHERE oid = to_regclass('public.payouts_ledgerentry')
"""
WAITS = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
RELIED_ON = "SELECT pg_backend_pid(), current_setting('search_path'), current_user::text, " + ", ".join(
    f"current_setting('{name}')" for name in WAITS
)
# One that the session may take on anyway; a storefront's before one of PostgreSQL's own.
ROLE = """
SELECT rolname FROM pg_roles WHERE pg_has_role(session_user, oid, 'SET') AND rolname <> session_user AND NOT rolsuper
 ORDER BY starts_with(rolname, 'pg_'), rolname LIMIT 1
"""


UNSHOWN = "and it could not be shown that it restores what was set in them"


class SharedSessions(ImproperlyConfigured):
    """Souk does not serve behind such a thing."""


def refuse_shared_sessions() -> None:
    """Two connections must each find what they left in their session. Raises SharedSessions.

    So it is where each has a session of its own. Where sessions are lent, it has to be shown: path, role and limits are
    set on both, in turn, and looked at (from PostgreSQL 18 on). Says nothing where PostgreSQL does not answer: then
    nothing is served either.
    """
    _examine(_must_be_kept)


def refuse_lent_sessions() -> None:
    """Each connection must have a session of its own: for workers, which hold locks and cursors in it.

    No pooler carries those from one session to another. Raises SharedSessions.
    """
    _examine(_refuse)


def _refuse(one: Session, other: Session) -> None:
    raise SharedSessions(
        "A pooler in transaction mode stands before PostgreSQL: locks of this process would be held by whoever is lent its session "
        "next. Connect directly, or let the pooler keep one session per connection (DATABASE_URL)."
    )


def _examine(when_lent: Callable[[Session, Session], None]) -> None:
    """Are they lent, and the limits in force that we ask for?"""
    try:
        with closing(_connect()) as one, closing(_connect()) as other:
            if _are_lent(one, other):
                when_lent(one, other)
            _must_have_limits(one)
    except psycopg2.OperationalError as error:
        if "unsupported startup parameter" in str(error):
            raise SharedSessions(LIMITS) from error


LIMITS = (
    "The pooler before PostgreSQL does not pass on the limits of waiting that Souk asks for when it connects. Let it ignore them "
    "(PgBouncer: `ignore_startup_parameters = options`) and give them to the role, for each of "
    + ", ".join(WAITS)
    + ": ALTER ROLE souk SET lock_timeout = '5s' (docs/decisions/0024-poolers.md)."
)


def _must_have_limits(session: Session) -> None:
    """A pooler may have dropped them without a word: then statements wait for ever."""
    asked = re.findall(r"-c\s*(\w+)=(\S+)", connection.get_connection_params().get("options") or "")
    in_force = dict(zip(WAITS, _ask(session, RELIED_ON)[3:], strict=True))
    if any(in_force.get(name) == "0" and not value.startswith("0") for name, value in asked):
        raise SharedSessions(LIMITS)


def _are_lent(one: Session, other: Session) -> bool:
    """Each is asked twice before the other is: a pooler that lends its sessions in turn would else seem to keep them."""
    seen = {(each is one, _ask(each, "SELECT pg_backend_pid()")[0]) for each in _in_turn(one, other)}
    return len(seen) != 2 or len({session for _, session in seen}) != 2


def _in_turn(one: Session, other: Session) -> list[Session]:
    return [one, one, other, other] * ROUNDS


def _must_be_kept(one: Session, other: Session) -> None:
    try:
        lost = _what_is_lost(one, other)
    except psycopg2.Error as error:
        lost = f"{UNSHOWN} ({error})"
    if lost:
        raise SharedSessions(
            f"A pooler in transaction mode stands before PostgreSQL. It lends one session to several connections, {lost}: storefronts "
            "would see each other's rows. Connect directly, or let the pooler keep one session per connection (DATABASE_URL)."
        )


def _what_is_lost(one: Session, other: Session) -> str:
    """Empty if each connection keeps path, role and limits in whichever sessions it is lent, the other way round as well.

    The paths name schemas that nobody has: should one stay behind in a session, whoever gets it finds no table.
    """
    if _ask(one, "SELECT current_setting('server_version_num')::int")[0] < TELLS_ITS_PATH:
        return "and before PostgreSQL 18 it is not told what was set in one"
    (role,) = _ask(one, ROLE) or (None,)
    if role is None:
        return UNSHOWN
    touched: set[int] = set()
    was_lent = False
    try:
        for served, idle in ((one, other), (other, one)):
            expected = {
                served: _ask(served, f"{enter_sql(['souk probe', 'pg_catalog'], role)}; {RELIED_ON}"),
                idle: _ask(idle, f"{enter_sql(['pg_catalog', 'souk no probe'], None)}; {RELIED_ON}"),
            }
            touched |= {state[0] for state in expected.values()}
            pids: dict[Session, set[int]] = {served: set(), idle: set()}
            for each in _in_turn(served, idle):
                pid, *state = _ask(each, RELIED_ON)
                pids[each].add(pid)
                if lost := _differences(expected[each][1:], state):
                    return f"and does not restore {lost} when it does"
            was_lent |= bool(pids[served] & pids[idle])
    finally:
        _leave_as_found(one, other, touched)
    return "" if was_lent else UNSHOWN


def _differences(expected: Any, found: Any) -> str:
    names = ("the search path", "the role", *WAITS)
    return " and ".join(name for name, mine, now in zip(names, expected, found, strict=True) if mine != now)


def _leave_as_found(one: Session, other: Session, touched: set[int]) -> None:
    """What we set may be in any session that we were lent: try until each was put back."""
    for each in _in_turn(one, other) * ROUNDS:
        touched.discard(_ask(each, "RESET search_path; RESET ROLE; SELECT pg_backend_pid()")[0])
        if not touched:
            return


class OwnsBooks(ImproperlyConfigured):
    """Souk does not serve as a role that may change what is posted."""


def refuse_owner_of_books() -> None:
    """The role that we log in as must not own the ledger, nor be able to become who does. Raises OwnsBooks.

    Says nothing where PostgreSQL does not answer or has no ledger yet.
    """
    try:
        with closing(_connect()) as session:
            if _ask(session, MAY_CHANGE_BOOKS)[0]:
                raise OwnsBooks(
                    "The role in DATABASE_URL owns the ledger's tables or may become their owner. Log in as another role, and name "
                    "the owner in DATABASE_OWNER_URL for `manage.py fleet migrate` only (deploy/create-role.sh)."
                )
    except psycopg2.OperationalError:
        return


def _connect() -> Session:
    session = psycopg2.connect(**connection.get_connection_params())
    session.autocommit = True
    return session


def _ask(session: Session, question: str) -> Any:
    """The first row of the answer. What is asked in one message is done in one session."""
    with session.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchone()
