"""The embedded PostgreSQL starts on whatever it finds, or says in one sentence why not."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import environ
import psycopg2
import pytest

from stack import postgres
from stack.problems import PostgresProblem

ROOT = Path(__file__).resolve().parents[2]


def query(url: str, statement: str) -> object:
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchone()[0] if cursor.description else None
    finally:
        connection.close()


def start(data_dir: Path) -> str:
    return postgres.start(data_dir, fsync=False)


def test_the_url_serves_psycopg2_and_django_environ(data_dir, monkeypatch):
    url = start(data_dir)
    monkeypatch.setenv("DATABASE_URL", url)

    parsed = environ.Env().db()

    assert query(url, "SELECT current_database() || '/' || current_user") == "souk/souk"
    assert (parsed["NAME"], parsed["USER"]) == ("souk", "souk")
    assert f"host={parsed['OPTIONS']['host']}" in url


def test_the_role_of_the_application_is_ordinary_and_owns_nothing_that_is_shared(data_dir):
    url = start(data_dir)

    assert query(url, "SELECT rolsuper OR rolcreatedb FROM pg_roles WHERE rolname = 'souk'") is False
    assert query(url, "SELECT pg_has_role('souk', 'souk_owner', 'MEMBER')") is False
    assert query(postgres.owner_url(data_dir), "SELECT current_user") == "souk_owner"
    assert query(postgres.superuser_url(data_dir), "SHOW is_superuser") == "on"


def test_starting_again_is_the_same_server(data_dir):
    first, pid = start(data_dir), postgres.pid(data_dir)

    assert start(data_dir) == first
    assert postgres.pid(data_dir) == pid


@pytest.fixture
def with_a_row(data_dir):
    """A running server that has committed something."""
    start(data_dir)
    url = postgres.owner_url(data_dir)
    query(url, "DROP TABLE IF EXISTS kept")
    query(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    query(url, "GRANT SELECT ON kept TO souk")
    return data_dir


def test_data_is_kept_when_stopped(with_a_row):
    assert postgres.stop(with_a_row) is True
    assert postgres.stop(with_a_row) is False

    assert query(start(with_a_row), "SELECT answer FROM kept") == 42


def test_data_is_kept_when_all_its_processes_are_killed(with_a_row):
    assert postgres.kill(with_a_row) is True
    assert postgres.pid(with_a_row) is None

    assert query(start(with_a_row), "SELECT answer FROM kept") == 42


def test_data_is_kept_when_the_server_is_killed_under_a_working_connection(with_a_row):
    busy = psycopg2.connect(postgres.url(with_a_row))
    os.kill(postgres.pid(with_a_row), signal.SIGKILL)

    assert query(start(with_a_row), "SELECT answer FROM kept") == 42
    with pytest.raises(psycopg2.OperationalError):
        busy.cursor().execute("SELECT 1")


@pytest.mark.parametrize(
    "content", ["{stranger}\n", "{stranger}\n{data}\n1\n5432\n/tmp\n\n1 2\nready\n", "", "what?"]
)
def test_a_stale_lock_file_is_no_obstacle(with_a_row, content):
    postgres.kill(with_a_row)
    lock_file = with_a_row / "data" / "postmaster.pid"
    lock_file.write_text(content.format(stranger=os.getpid(), data=with_a_row / "data"))
    (with_a_row / "run" / ".s.PGSQL.5432.lock").write_text(f"{os.getpid()}\n")

    assert query(start(with_a_row), "SELECT answer FROM kept") == 42


def test_a_swept_away_socket_is_no_obstacle(with_a_row):
    shutil.rmtree(with_a_row / "run")

    assert query(start(with_a_row), "SELECT answer FROM kept") == 42


def test_a_missing_database_is_created_again(data_dir):
    start(data_dir)
    postgres.stop(data_dir)
    start(data_dir)
    connection = psycopg2.connect(postgres.superuser_url(data_dir).replace("/souk?", "/postgres?"))
    connection.autocommit = True
    connection.cursor().execute("DROP DATABASE souk WITH (FORCE)")
    connection.close()

    assert query(start(data_dir), "SELECT 1") == 1


def test_several_processes_asking_at_once_get_one_server_that_outlives_them(folder):
    (folder / "data.new").mkdir()  # a creation that was interrupted
    command = [sys.executable, "-m", "stack.postgres", "start", "--no-fsync", "--data-dir", str(folder)]
    asking = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    urls = {process.communicate()[0].strip() for process in asking}

    assert [process.returncode for process in asking] == [0, 0, 0]
    assert len(urls) == 1
    assert query(urls.pop(), "SELECT 1") == 1


def test_a_long_or_odd_path_gets_its_socket_elsewhere(folder):
    data_dir = folder / ("long " * 20) / "with, comma \"quote' $dollar #é"

    url = start(data_dir)
    sockets = Path(url.partition("?host=")[2])

    assert query(url, "SELECT 1") == 1
    postgres.stop(data_dir)
    assert not sockets.exists()


def test_a_folder_that_is_no_cluster_is_refused(folder):
    (folder / "data").mkdir()
    (folder / "data" / "holiday.txt").touch()

    with pytest.raises(PostgresProblem, match="is not a PostgreSQL data folder: move it away"):
        start(folder)


def test_data_of_another_version_is_refused(folder):
    (folder / "data").mkdir()
    (folder / "data" / "PG_VERSION").write_text("12\n")

    with pytest.raises(PostgresProblem, match="was made by PostgreSQL 12 and this one is 18: move it away"):
        start(folder)


def test_a_damaged_cluster_is_refused_with_its_cause(folder):
    start(folder)
    postgres.stop(folder)
    (folder / "data" / "global" / "pg_control").unlink()

    with pytest.raises(PostgresProblem, match=r"does not start on .*pg_control.*move the folder away"):
        start(folder)


def test_a_file_in_the_way_is_told(folder):
    (folder / "postgres").write_text("in the way")

    with pytest.raises(PostgresProblem, match="a file is in the way: move it away"):
        start(folder / "postgres")


def test_the_command_line_has_no_traceback(folder, capsys):
    assert postgres.main(["url", "--data-dir", str(folder / "none")]) == 1
    assert "start it with" in capsys.readouterr().err
    assert postgres.main(["stop", "--data-dir", str(folder / "none")]) == 0
