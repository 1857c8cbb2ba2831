"""The whole is restored to the moment before a mistake, rows and files; without the key it is unreadable; it expires.

A server, the backup service and restored servers run as they would in production, on loopback. What restoring took is printed
(`-s`), not asserted.
"""

import gzip
import io
import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyrage
import pytest

from stack import postgres
from tests.backup.machine import ARCHIVE_TIMEOUT_SECONDS, SHIP_SECONDS, Machine, ask, dump, eventually

pytestmark = [pytest.mark.slow, pytest.mark.stack]
BUSY_SECONDS = 10  # what a machine that does other things may add
SECRET = b"ada@lovelace.example"


@dataclass
class Story:
    """What happened, and what was there at the moment before the mistake."""

    machine: Machine
    moment: str
    rows: tuple[str, dict[str, int]]
    files: dict[str, bytes]
    schema: str


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def bases(repository: Path) -> list[Path]:
    return sorted(path.parent for path in repository.glob("base/*/manifest"))


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    """A storefront sells; a full and an incremental backup are made in between; then somebody drops it."""
    machine = Machine(Path(tempfile.mkdtemp(prefix="souk-test-")))
    try:
        machine.python("manage.py", "fleet", "migrate")
        machine.python("-m", "tests.backup.trade", "open", "2")
        machine.serve()
        eventually(lambda: bases(machine.repository), "the first base backup")
        schema = machine.python("-m", "tests.backup.trade", "order", "2")
        made = machine.backup("base", "incremental")
        assert made.returncode == 0, made.stderr
        machine.python("-m", "tests.backup.trade", "order", "2")
        rows, files = dump(machine.superuser_url), files_in(machine.media)
        [(moment,)] = machine.sql("SELECT now()::text")
        # What is written and lost between two rounds is in no backup.
        eventually(
            lambda: sum(1 for _ in machine.repository.rglob("*.webp.age")) == len(files), "the pictures"
        )
        machine.sql(f"DROP SCHEMA {schema} CASCADE")
        for folder in machine.media.iterdir():
            shutil.rmtree(folder)
        segment = machine.sql("SELECT pg_walfile_name(pg_current_wal_insert_lsn())")[0][0]
        eventually(
            lambda: (machine.repository / "wal" / f"{segment}.gz.age").exists(), "the mistake in the archive"
        )
        yield Story(machine, moment, rows, files, schema)
    finally:
        machine.close()


@pytest.fixture
def copy(story: Story) -> Iterator[Path]:
    """The repository as it was copied elsewhere, to be spoiled."""
    target = story.machine.folder / "copy"
    shutil.copytree(story.machine.repository, target)
    yield target
    shutil.rmtree(target)


def test_the_whole_is_restored_to_the_moment_before_a_mistake(story: Story) -> None:
    machine, began = story.machine, time.monotonic()
    with pytest.raises(Exception, match="does not exist"):
        machine.sql(f"SELECT count(*) FROM {story.schema}.shop_order")

    media = machine.folder / "media-before"
    done = machine.restore("before", "--at", story.moment, "--media", str(media))
    assert done.returncode == 0, done.stderr
    unpacked = time.monotonic()
    server = machine.start("before")
    print(
        f"\ndecrypted and checked in {unpacked - began:.1f} s, started and replayed in {time.monotonic() - unpacked:.1f} s"
    )
    try:
        (rows, numbers), (rows_then, numbers_then) = dump(server.superuser_url), story.rows
        assert rows == rows_then
        assert numbers.keys() == numbers_then.keys()
        # PostgreSQL recovers a sequence as far as it had written ahead: numbers are skipped, none is given twice.
        assert all(then <= numbers[name] <= then + 32 for name, then in numbers_then.items())
        assert files_in(media) == story.files
        # It is a Souk whose rows have their files, and whose books are right. Without the files the same question finds them missing.
        assert machine.python("-m", "tests.backup.trade", "missing", url=server.url, media=media) == "[]"
        lost = machine.python("-m", "tests.backup.trade", "missing", url=server.url, media=machine.media)
        assert lost.count("webp") == len(story.files) == 6
        machine.python("manage.py", "audit", url=server.url, media=media)
        assert not (server.data / "restore_wal").exists()
    finally:
        server.stop()


def test_a_backup_without_the_key_is_unreadable(story: Story) -> None:
    machine = story.machine
    machine.new_key("another-key")
    refused = machine.restore("stolen", SOUK_BACKUP_IDENTITY=str(machine.folder / "another-key"))
    assert refused.returncode == 1
    assert "not for this key" in refused.stderr
    assert not list((machine.folder / "stolen").iterdir())

    stored = list(machine.repository.rglob("*.age"))
    assert {path.relative_to(machine.repository).parts[0] for path in stored} == {"base", "wal", "media"}
    everything = [path for path in machine.repository.rglob("*") if path.is_file()]
    assert not any(SECRET in path.read_bytes() for path in everything)
    # With the key the buyer's address is there to be found.
    opened = [
        gzip.decompress(pyrage.decrypt(path.read_bytes(), [machine.key]))
        for path in stored
        if path.name.endswith(".gz.age")
    ]
    assert any(SECRET in text for text in opened)


def test_backups_are_not_made_for_everybody_to_read(story: Story) -> None:
    refused = story.machine.backup("base", "full", SOUK_ARCHIVE_RECIPIENTS="")
    assert refused.returncode != 0
    assert "SOUK_ARCHIVE_RECIPIENTS" in refused.stderr


def test_an_expired_backup_is_removed_with_its_wal_and_files(story: Story, copy: Path) -> None:
    machine = story.machine
    there = {"SOUK_BACKUP_DIR": str(copy)}
    old = bases(copy)
    for path in old:
        day = datetime.now(UTC) - timedelta(days=36)
        path.rename(path.with_name(f"{day:%Y%m%d}{path.name[8:]}"))
        (copy / "SUMS").write_text(
            (copy / "SUMS").read_text().replace(path.name, f"{day:%Y%m%d}{path.name[8:]}")
        )
    kept = machine.backup("expire", **there)
    assert kept.returncode == 0, kept.stderr
    assert len(bases(copy)) == len(old), "the only backup there is stays"

    assert machine.backup("base", "full", **there).returncode == 0
    gone = next(copy.rglob("*.gone"))
    os.utime(gone, (0, 0))
    wal = {path.name for path in copy.glob("wal/*")}
    done = machine.backup("expire", **there)
    assert done.returncode == 0, done.stderr
    [newest] = bases(copy)
    assert newest.name not in {path.name for path in old}
    assert len(wal) > len(list(copy.glob("wal/*")))
    assert not gone.with_suffix(".age").exists()
    assert sum(1 for _ in copy.rglob("*.webp.age")) == 5
    assert machine.backup("verify", **there).returncode == 0


def test_a_damaged_backup_is_found_without_the_key(story: Story, copy: Path) -> None:
    machine, there = story.machine, {"SOUK_BACKUP_DIR": str(copy)}
    assert machine.backup("verify", **there).returncode == 0
    assert machine.backup("check", **there).returncode == 0
    file = bases(copy)[0] / "base.tar.gz.age"
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    file.write_bytes(raw)
    found = machine.backup("verify", **there)
    assert found.returncode == 1
    assert f"base/{file.parent.name}/base.tar.gz.age" in found.stdout
    refused = machine.restore("spoiled", **there)
    assert refused.returncode == 1
    assert "damaged" in refused.stderr

    missing = sorted(copy.glob("wal/0*.age"))[-2]
    missing.unlink()
    found = machine.backup("check", **there)
    assert found.returncode == 1
    assert "WAL is missing before" in found.stderr


def test_what_was_damaged_before_it_was_encrypted_is_found_by_postgresql(story: Story, copy: Path) -> None:
    machine = story.machine
    file = bases(copy)[0] / "base.tar.gz.age"
    plain, spoiled = machine.folder / "plain.tar", machine.folder / "spoiled.tar"
    plain.write_bytes(gzip.decompress(pyrage.decrypt(file.read_bytes(), [machine.key])))
    with tarfile.open(plain) as source, tarfile.open(spoiled, "w", format=tarfile.USTAR_FORMAT) as target:
        largest = max(
            (member for member in source if member.name.startswith("base/")), key=lambda member: member.size
        )
        for member in source:
            content = source.extractfile(member)
            raw = bytearray(content.read() if content else b"")
            if member.name == largest.name:
                raw[len(raw) // 2] ^= 1
            target.addfile(member, io.BytesIO(raw) if content else None)
    file.write_bytes(pyrage.encrypt(gzip.compress(spoiled.read_bytes(), 1), [machine.key.to_public()]))
    refused = machine.restore("spoiled-within", SOUK_BACKUP_DIR=str(copy))
    assert refused.returncode == 1
    assert "checksum mismatch" in refused.stderr
    assert "not what PostgreSQL backed up" in refused.stderr


def test_a_lost_server_costs_what_was_not_shipped_and_nothing_where_the_spool_is_left(story: Story) -> None:
    """The last of the module: the server is killed. RPO: archive_timeout, and the round in which segments are shipped."""
    machine = story.machine
    assert machine.backup("base", "full").returncode == 0
    machine.sql("CREATE TABLE public.told (what text, at timestamptz DEFAULT clock_timestamp())")
    machine.sql("INSERT INTO public.told VALUES ('shipped')")
    segment = machine.sql("SELECT pg_walfile_name(pg_current_wal_insert_lsn())")[0][0]
    lost_at_most = eventually(
        lambda: (machine.repository / "wal" / f"{segment}.gz.age").exists(), "the segment in the archive"
    )
    print(f"\na row was in the repository after {lost_at_most:.1f} s")
    assert lost_at_most < ARCHIVE_TIMEOUT_SECONDS + SHIP_SECONDS + BUSY_SECONDS

    machine.sql("INSERT INTO public.told VALUES ('in the spool')")
    [(written,)] = machine.sql("SELECT pg_current_wal_insert_lsn()::text")
    received = f"SELECT count(*) FROM pg_stat_replication WHERE application_name = 'pg_receivewal' AND flush_lsn >= '{written}'"
    assert eventually(lambda: machine.sql(received)[0][0], "the row in the spool") < BUSY_SECONDS
    assert machine.service is not None
    machine.service.kill()
    postgres.kill(machine.folder / "postgres")

    told = {}
    for name, spool in (("from-spool", str(machine.spool)), ("from-repository", "")):
        done = machine.restore(name, SOUK_BACKUP_SPOOL=spool)
        assert done.returncode == 0, done.stderr
        server = machine.start(name)
        told[name] = [
            what for (what,) in ask(server.superuser_url, "SELECT what FROM public.told ORDER BY at")
        ]
        server.stop()
    assert told["from-repository"][:1] == ["shipped"]
    assert told["from-spool"] == ["shipped", "in the spool"]
