"""A server, its backups, and a place to restore them to: real programs in a folder of their own."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psycopg2
import pyrage

from stack import account, cluster, postgres

ROOT = Path(__file__).resolve().parents[2]
ARCHIVE_TIMEOUT_SECONDS, SHIP_SECONDS = 2, 0.5
PROGRAMS = cluster.binary("postgres").parent


class Machine:
    """PostgreSQL with a Souk database, the backup service, and the key that opens what it makes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.media = folder / "media"
        self.repository, self.spool = folder / "repository", folder / "spool"
        self.key = self.new_key("key")
        self.url = postgres.start(folder / "postgres", fsync=False)
        self.superuser_url = postgres.superuser_url(folder / "postgres")
        self.media.mkdir()
        self.service: subprocess.Popen[bytes] | None = None
        for setting in ("summarize_wal = on", f"archive_timeout = '{ARCHIVE_TIMEOUT_SECONDS}s'"):
            self.sql(f"ALTER SYSTEM SET {setting}")
        self.sql("SELECT pg_reload_conf()")

    def new_key(self, name: str) -> pyrage.x25519.Identity:
        """A key in a file, as age-keygen writes it."""
        key = pyrage.x25519.Identity.generate()
        (self.folder / name).write_text(f"# made for a test\n{key}\n", encoding="ascii")
        return key

    def environment(self, **more: str) -> dict[str, str]:
        """What deploy/backup.sh and deploy/restore.sh are told."""
        return {
            **os.environ,
            "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
            "PGHOST": self.superuser_url.split("host=")[1].replace("%2F", "/"),
            "PGUSER": cluster.SUPERUSER,
            "SOUK_BACKUP_DIR": str(self.repository),
            "SOUK_BACKUP_SPOOL": str(self.spool),
            "SOUK_BACKUP_IDENTITY": str(self.folder / "key"),
            "SOUK_BACKUP_SECONDS": str(SHIP_SECONDS),
            "SOUK_BACKUP_DAYS": "35",
            "SOUK_ARCHIVE_RECIPIENTS": str(self.key.to_public()),
            "SOUK_AGE": f"{sys.executable} {ROOT / 'deploy' / 'age.py'}",
            "MEDIA_ROOT": str(self.media),
            **more,
        }

    def backup(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run deploy/backup.sh to its end."""
        return self._run([str(ROOT / "deploy" / "backup.sh"), *arguments], self.environment(**environment))

    def serve(self) -> None:
        """Start the backup service."""
        with (self.folder / "backup.log").open("ab") as log:
            self.service = subprocess.Popen(
                [str(ROOT / "deploy" / "backup.sh"), "run"],
                env=self.environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def restore(self, name: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run deploy/restore.sh into a folder of this name; WAL that was not shipped is taken from no spool by default."""
        data = self.folder / name
        environment = self.environment(**{"SOUK_BACKUP_SPOOL": "", **environment})
        return self._run([str(ROOT / "deploy" / "restore.sh"), str(data), *arguments], environment)

    def start(self, name: str) -> "Server":
        """Start a server on what was restored into `name` and wait until it is open."""
        server = Server(self.folder / name)
        server.start()
        try:
            eventually(
                lambda: ask(server.superuser_url, "SELECT NOT pg_is_in_recovery()")[0][0], "the promotion"
            )
        except BaseException:
            server.stop()
            raise
        return server

    def sql(self, statement: str) -> list[tuple]:
        """As the superuser, committed."""
        return ask(self.superuser_url, statement)

    def python(self, *arguments: str, url: str = "", media: Path | None = None) -> str:
        """A program of Souk against this server, or against another."""
        env = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings.dev",
            "DATABASE_URL": url or self.url,
            "DATABASE_OWNER_URL": (url or self.url).replace("//souk@", "//souk_owner@"),
            "SOUK_DATA_DIR": str(self.folder),
            "MEDIA_ROOT": str(media or self.media),
            "SOUK_SCHEMA_POOL_SIZE": "1",
        }
        done = self._run([sys.executable, *arguments], env)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout.strip()

    def close(self) -> None:
        """End everything."""
        if self.service is not None:
            self.service.terminate()
            self.service.wait(20)
        postgres.stop(self.folder / "postgres")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, command: list[str], env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)


class Server:
    """PostgreSQL on a restored data directory."""

    def __init__(self, data: Path) -> None:
        self.data, self.sockets = data, data.with_name(f"{data.name}-run")
        self.superuser_url = f"postgresql://{cluster.SUPERUSER}@/souk?host={self.sockets}"
        self.url = f"postgresql://souk@/souk?host={self.sockets}"
        self._owner = account.server_account(data.parent / "postgres" / "data")

    def start(self) -> None:
        """Start and wait until it answers."""
        self.sockets.mkdir()
        if self._owner:
            for path in (self.sockets, self.data, *self.data.rglob("*")):
                self._owner.own(path)
        self._control("start", "-w", "-l", str(self.sockets / "log"), "-o", f"-k {self.sockets} -c fsync=off")

    def stop(self) -> None:
        """Stop, without waiting for anything."""
        self._control("stop", "-m", "immediate")

    def _control(self, *arguments: str) -> None:
        subprocess.run(
            [str(PROGRAMS / "pg_ctl"), "-D", str(self.data), *arguments],
            **(self._owner.launch_options() if self._owner else {}),
            cwd=self.data,
            env=cluster.server_env(),
            stdout=subprocess.DEVNULL,
            check=True,
        )


def ask(url: str, statement: str) -> list[tuple]:
    """One statement in a transaction of its own."""
    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def dump(url: str) -> tuple[str, dict[str, int]]:
    """Everything in the database, rows and all; and how far its sequences are."""
    command = [str(PROGRAMS / "pg_dump"), "--restrict-key=none", "--no-sync", "--dbname", url]
    text = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout
    numbers = re.findall(r"^SELECT pg_catalog.setval\('(\S+)', (\d+), \w+\);$", text, re.MULTILINE)
    return re.sub(r"(?m)^SELECT pg_catalog.setval.*\n", "", text), {name: int(last) for name, last in numbers}


def eventually(is_so: Callable[[], object], what: str, seconds: float = 30.0) -> float:
    """Wait until it is so; return how long that took."""
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < seconds, f"{what}: not after {seconds:.0f} s"
        time.sleep(0.05)
    return time.monotonic() - began
