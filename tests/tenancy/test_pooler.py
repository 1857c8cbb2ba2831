"""Souk does not serve where sessions of PostgreSQL are lent to several connections."""

import itertools
import os
import subprocess
import sys

import psycopg2
import pytest
from django.conf import settings as django_settings

from tenants.postgresql import probe


class Lent:
    """A connection as a pooler in transaction mode hands it out: each statement goes to the session that is next."""

    def __init__(self, sessions) -> None:
        self.sessions = sessions

    def cursor(self):
        return next(self.sessions).cursor()

    def close(self) -> None:
        pass


@pytest.fixture
def sessions(db):
    """Two real sessions."""
    opened = [probe._connect(), probe._connect()]
    yield opened
    for session in opened:
        session.close()


def test_each_connection_with_a_session_of_its_own_is_served(db):
    probe.refuse_shared_sessions()


@pytest.mark.parametrize(
    "order",
    [[0], [0, 1], [1, 0], [0, 0, 1], [0, 1, 1, 0, 0], [0] * 13 + [1]],
    ids=["last used", "in turn", "in turn, other first", "uneven", "under load", "now and then"],
)
def test_lent_sessions_are_refused(sessions, monkeypatch, order):
    pool = itertools.cycle([sessions[index] for index in order])
    monkeypatch.setattr(probe, "_connect", lambda: Lent(pool))
    with pytest.raises(probe.SharedSessions, match="pooler"):
        probe.refuse_shared_sessions()


def test_a_pooler_that_keeps_one_session_per_connection_is_served(sessions, monkeypatch):
    kept = iter(sessions)
    monkeypatch.setattr(probe, "_connect", lambda: Lent(itertools.repeat(next(kept))))
    probe.refuse_shared_sessions()


def test_where_postgresql_does_not_answer_that_is_left_to_others(monkeypatch):
    def nobody():
        raise psycopg2.OperationalError

    monkeypatch.setattr(probe, "_connect", nobody)
    probe.refuse_shared_sessions()


def test_the_server_asks_before_it_serves():
    """With a probe that refuses, there is no application to serve."""
    program = (
        "import django; django.setup()\n"
        "from tenants.postgresql import probe\n"
        "def refuse(): raise probe.SharedSessions('a pooler')\n"
        "probe.refuse_shared_sessions = refuse\n"
        "import config.wsgi"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings.test"},
        cwd=django_settings.BASE_DIR, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode != 0
    assert "SharedSessions" in done.stderr
