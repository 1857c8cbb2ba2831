"""pytest plugin: a real PostgreSQL for the tests, without being asked.

Load it with `-p stack.pytest_postgres`, so that DATABASE_URL is there before pytest-django reads the settings. A
DATABASE_URL that is given wins. The server stays for the next run, except in CI. Runs at the same time get test
databases of their own.
"""

import fcntl
import os
from collections.abc import Generator
from pathlib import Path
from typing import IO

import pytest

from stack import postgres
from stack.problems import PostgresProblem

DATA_DIR = Path(__file__).resolve().parents[1] / ".souk" / "test-postgres"
MOST_RUNS_AT_ONCE = 32

_started_here = pytest.StashKey[bool]()
_run_lock = pytest.StashKey[IO[bytes]]()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, None, None]:
    """Before any settings are read: start PostgreSQL and name it and the test database in the environment."""
    if "DATABASE_URL" not in os.environ:  # workers of pytest-xdist inherit it from the run that starts them
        try:
            os.environ["DATABASE_URL"] = postgres.start(DATA_DIR, fsync=False)
        except PostgresProblem as problem:
            raise pytest.UsageError(str(problem)) from problem
        os.environ["DATABASE_OWNER_URL"] = postgres.owner_url(DATA_DIR)
        early_config.stash[_started_here] = True
        if "TEST_DATABASE_NAME" not in os.environ:
            number, lock = _claim_run_number()
            early_config.stash[_run_lock] = lock
            os.environ["TEST_DATABASE_NAME"] = "test_souk" if number == 0 else f"test_souk_{number}"
    return (yield)


def pytest_unconfigure(config: pytest.Config) -> None:
    """In CI leave nothing behind."""
    if config.stash.get(_started_here, False) and os.environ.get("CI"):
        postgres.stop(DATA_DIR)


def _claim_run_number() -> tuple[int, IO[bytes]]:
    """The smallest number no other running pytest has; held until the returned file is closed."""
    for number in range(MOST_RUNS_AT_ONCE):
        lock = (DATA_DIR / f"run-{number}.lock").open("wb")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            continue
        return number, lock
    raise pytest.UsageError("Too many test runs at once: wait for one to end.")
