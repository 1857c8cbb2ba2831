"""Souk does not serve where sessions of PostgreSQL are lent to several connections, unless each finds what it left there."""

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence

import psycopg2
import pytest
from django.conf import settings as django_settings
from django.db import connection

from tenants.postgresql import probe


class Pooler:
    """One in transaction mode, over real sessions: each message goes to the session that is next.

    What it tracks it looks up after each message of a connection, and puts back before the next, wherever that goes.
    """

    def __init__(
        self, sessions: Sequence[probe.Session], order: Sequence[int], tracks: Sequence[str] = ()
    ) -> None:
        self.turns = itertools.cycle([sessions[index] for index in order])
        self.tracks = tracks

    def connect(self) -> "Lent":
        return Lent(self)


class Lent:
    """A connection to it."""

    def __init__(self, pooler: Pooler) -> None:
        self.pooler = pooler
        self.left = {"search_path": '"$user", public', "role": "none"}  # what a new session has

    def cursor(self) -> "Turn":
        return Turn(self, next(self.pooler.turns))

    def close(self) -> None:
        pass


class Turn:
    """One message and its answer, in one session."""

    def __init__(self, client: Lent, session: probe.Session) -> None:
        self.client, self.session, self.row = client, session, None

    def __enter__(self) -> "Turn":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def execute(self, message: str) -> None:
        with self.session.cursor() as cursor:
            for name in self.client.pooler.tracks:
                cursor.execute("SELECT set_config(%s, %s, false)", [name, self.client.left[name]])
            cursor.execute(message)
            self.row = cursor.fetchone() if cursor.description else None
            for name in self.client.pooler.tracks:
                cursor.execute("SELECT current_setting(%s)", [name])
                self.client.left[name] = cursor.fetchone()[0]

    def fetchone(self):
        return self.row


ORDERS = pytest.mark.parametrize(
    "order",
    [[0], [0, 1], [1, 0], [0, 0, 1], [0, 1, 1, 0, 0], [0] * 13 + [1]],
    ids=["last used", "in turn", "in turn, other first", "uneven", "under load", "now and then"],
)


@pytest.fixture
def sessions(db) -> Iterator[list[probe.Session]]:
    """Two real sessions, and as they were when they are given back."""
    opened = [probe._connect(), probe._connect()]
    yield opened
    for session in opened:
        session.close()


@pytest.fixture
def behind(sessions, monkeypatch):
    """Put Souk behind a pooler."""

    def put(order: Sequence[int], tracks: Sequence[str] = ()) -> None:
        monkeypatch.setattr(probe, "_connect", Pooler(sessions, order, tracks).connect)

    return put


def test_each_connection_with_a_session_of_its_own_is_served(db):
    probe.refuse_shared_sessions()
    probe.refuse_lent_sessions()


@ORDERS
def test_lent_sessions_are_refused(behind, order):
    behind(order)
    with pytest.raises(probe.SharedSessions, match="does not restore the search path"):
        probe.refuse_shared_sessions()


@ORDERS
def test_a_pooler_that_restores_the_path_and_not_the_role_is_refused(behind, order):
    """What PgBouncer can do: PostgreSQL 18 reports search_path, and role it does not."""
    behind(order, tracks=["search_path"])
    with pytest.raises(probe.SharedSessions, match="does not restore the role when"):
        probe.refuse_shared_sessions()


def test_a_pooler_that_restores_the_role_and_not_the_path_is_refused(behind):
    behind([0, 1], tracks=["role"])
    with pytest.raises(probe.SharedSessions, match="does not restore the search path when"):
        probe.refuse_shared_sessions()


@ORDERS
def test_a_pooler_that_restores_path_and_role_serves_pages(behind, order):
    behind(order, tracks=["search_path", "role"])
    probe.refuse_shared_sessions()


def test_before_postgresql_18_nothing_that_lends_sessions_is_believed(behind, monkeypatch):
    monkeypatch.setattr(probe, "TELLS_ITS_PATH", connection.pg_version + 1)
    behind([0, 1], tracks=["search_path", "role"])
    with pytest.raises(probe.SharedSessions, match="before PostgreSQL 18"):
        probe.refuse_shared_sessions()


def test_a_worker_has_sessions_of_its_own_whatever_a_pooler_restores(behind):
    """Advisory locks and cursors stay with the session that they were made in."""
    behind([0, 1], tracks=["search_path", "role"])
    with pytest.raises(probe.SharedSessions, match="locks"):
        probe.refuse_lent_sessions()


@pytest.mark.parametrize("tracks", [[], ["search_path"], ["search_path", "role"]], ids=str)
def test_whoever_is_lent_a_session_after_the_question_finds_nothing_of_it(behind, tracks):
    behind([0, 1, 1], tracks)
    try:
        probe.refuse_shared_sessions()
    except probe.SharedSessions:
        assert tracks != ["search_path", "role"]
    next_one = probe._connect()
    found = {
        probe._ask(next_one, "SELECT current_setting('search_path'), current_user::text") for _ in range(6)
    }
    assert found == {('"$user", public', connection.settings_dict["USER"])}


def test_a_pooler_that_keeps_one_session_per_connection_is_served(sessions, monkeypatch):
    kept = iter([*sessions, *sessions])
    monkeypatch.setattr(probe, "_connect", lambda: Pooler([next(kept)], [0]).connect())
    probe.refuse_shared_sessions()
    probe.refuse_lent_sessions()


def test_where_postgresql_does_not_answer_that_is_left_to_others(monkeypatch):
    def nobody():
        raise psycopg2.OperationalError

    monkeypatch.setattr(probe, "_connect", nobody)
    probe.refuse_shared_sessions()


def test_limits_of_waiting_that_were_dropped_on_the_way_are_missed(db, monkeypatch):
    asked = connection.get_connection_params()
    without = {name: value for name, value in asked.items() if name != "options"}

    def deaf():
        session = psycopg2.connect(**without)
        session.autocommit = True
        return session

    probe.refuse_shared_sessions()
    monkeypatch.setattr(probe, "_connect", deaf)
    with pytest.raises(probe.SharedSessions, match="ALTER ROLE"):
        probe.refuse_shared_sessions()


@pytest.mark.parametrize(
    ("refuses", "start"),
    [
        ("refuse_shared_sessions", "import config.wsgi"),
        ("refuse_lent_sessions", "from django.core.management import call_command; call_command('worker')"),
    ],
    ids=["server", "worker"],
)
def test_whoever_serves_asks_first(refuses, start):
    """With a probe that refuses, there is no application to serve, and no worker."""
    program = (
        "import django; django.setup()\n"
        "from tenants.postgresql import probe\n"
        "def refuse(): raise probe.SharedSessions('a pooler')\n"
        f"probe.{refuses} = refuse\n"
        f"{start}"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings.test"},
        cwd=django_settings.BASE_DIR, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode != 0
    assert "SharedSessions" in done.stderr
