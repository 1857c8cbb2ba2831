"""Folders for real servers. Their paths are short, and others may pass through them, as on a developer's machine."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack import postgres


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder; a PostgreSQL under it is stopped at the end."""
    path = Path(tempfile.mkdtemp(prefix="souk-test-"))
    yield path
    for lock in path.rglob("lock"):
        postgres.stop(lock.parent)
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """The data folder of a cluster shared by a module: each test starts it when it needs it."""
    path = Path(tempfile.mkdtemp(prefix="souk-test-"))
    yield path / "postgres"
    postgres.stop(path / "postgres")
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def standin(monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that has Souk's commands but does nothing, on a machine where nothing is given."""
    for name in (
        "DATABASE_URL",
        "DATABASE_OWNER_URL",
        "STRIPE_SECRET_KEY",
        "SOUK_PORT",
        "MAKELEVEL",
        "DJANGO_SETTINGS_MODULE",
    ):
        monkeypatch.delenv(name, raising=False)
    return Path(__file__).parent / "standin"
