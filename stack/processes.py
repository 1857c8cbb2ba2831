"""Starts and supervises the real processes of Souk on one machine, for the demo, the journey, fault tests, benchmarks.

with Stack.fresh() as stack:
    stack.start()
    stack.wait_ready()
    ...  # http requests to stack.url with the Host header stack.host
"""

import atexit
import fcntl
import http.client
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import psutil

from stack import databases, ports, postgres
from stack.child import Child, tail
from stack.commands import stripe_command, web_command, worker_command
from stack.ending import is_alive
from stack.environment import children_environment
from stack.problems import StackProblem
from stack.warden import Warden

ROOT = Path(__file__).resolve().parents[1]
STOP_SECONDS = 15.0
LOCK_SECONDS = 30.0
NAMES = ("postgres", "stripe", "web", "worker")

Progress = Callable[[str], None]


def _silent(line: str) -> None:
    """Progress nobody wants to see."""


class Stack:
    """PostgreSQL, local Stripe, web and worker, started together and ended together, whatever happens.

    PostgreSQL is left out where DATABASE_URL is given, local Stripe where STRIPE_SECRET_KEY is. Everything is kept in
    `data_dir`, the logs in `data_dir/log`. When the process that owns the Stack dies, all of it is stopped as well.
    """

    def __init__(
        self,
        *,
        data_dir: Path | None = None,
        port: int | None = None,
        stripe_port: int | None = None,
        web_processes: int = 2,
        web_threads: int = 4,
        pool_size: int = 5,
        settings: str = "config.settings.dev",
        marketplace_host: str = "souk.localhost",
        own_postgres: bool = False,
        fsync: bool = True,
        funds_after_seconds: int | None = None,
        extra_env: Mapping[str, str] | None = None,
        root: Path = ROOT,
    ) -> None:
        """Nothing is started yet.

        `port` and `stripe_port` default to free ones. `own_postgres` starts PostgreSQL even where DATABASE_URL is given.
        `funds_after_seconds` is how long local Stripe holds the money of a charge (its own default: two days).
        `extra_env` is added to the environment of the processes. `root` is the folder of manage.py.
        """
        self.root = root
        self.data_dir = (data_dir or root / ".souk").expanduser().resolve()
        self.port = port or ports.free_port()
        self.stripe_port = stripe_port or ports.free_port()
        self.marketplace_host = marketplace_host
        self.web_processes = web_processes
        self.web_threads = web_threads
        self.pool_size = pool_size
        self.fsync = fsync
        self.funds_after_seconds = funds_after_seconds
        self._settings = settings
        self._extra_env = dict(extra_env or {})
        self._is_fresh = False
        self._given_database_url = None if own_postgres else self._given("DATABASE_URL")
        self._database_url = self._given_database_url
        self.has_own_postgres = self._database_url is None
        self._owner_url = None if self.has_own_postgres else self._given("DATABASE_OWNER_URL")
        self.has_local_stripe = self._given("STRIPE_SECRET_KEY") is None
        self._children: dict[str, Child] = {}
        self._is_postgres_killed = False
        self._lock: IO[bytes] | None = None
        self._warden: Warden | None = None

    @classmethod
    def fresh(cls, **options: object) -> Self:
        """A Stack with empty data in a temporary folder, gone when it stops. Takes the options of Stack."""
        stack = cls(data_dir=Path(tempfile.mkdtemp(prefix="souk-")), **options)  # type: ignore[arg-type]
        stack._is_fresh = True
        return stack

    # Addresses -----------------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Where programs reach the web server; they name the site in the Host header."""
        return f"http://{ports.LOOPBACK}:{self.port}"

    @property
    def host(self) -> str:
        """The marketplace's Host header."""
        return f"{self.marketplace_host}:{self.port}"

    @property
    def address(self) -> str:
        """The marketplace's address for a browser."""
        return f"http://{self.host}"

    @property
    def stripe_url(self) -> str | None:
        """Where local Stripe listens; None where Stripe itself is used."""
        return f"http://{ports.LOOPBACK}:{self.stripe_port}" if self.has_local_stripe else None

    @property
    def database_url(self) -> str:
        """The database in use. Raises StackProblem before PostgreSQL was started."""
        if self._database_url is None:
            raise StackProblem("PostgreSQL is not started yet: call start() first.")
        return self._database_url

    @property
    def env(self) -> dict[str, str]:
        """The environment the processes get: this one's, and what they need to find each other."""
        return children_environment(
            settings=self._settings,
            database_url=self.database_url,
            owner_url=self._owner_url,
            marketplace_host=self.marketplace_host,
            port=self.port,
            data_dir=self.data_dir,
            stripe_url=self.stripe_url,
            is_fresh=self._is_fresh,
            extra=self._extra_env,
        )

    def log(self, name: str) -> Path:
        """The log of a process; `manage` is the log of the commands run while starting."""
        return (
            self.data_dir / "postgres" / "server.log"
            if name == "postgres"
            else self.data_dir / "log" / f"{name}.log"
        )

    # Life ----------------------------------------------------------------------------------------------------------

    def start(self, on_progress: Progress = _silent) -> None:
        """Start everything; `wait_ready` tells when it serves. Raises StackProblem, with all of it stopped."""
        try:
            self._start(on_progress)
        except BaseException:
            self.stop()
            raise

    def wait_ready(self, timeout: float = 60.0) -> None:
        """Wait until the web server says it is ready. Raises StackProblem when a process ends or time is up."""
        deadline = time.monotonic() + timeout
        answer = "no answer"
        while time.monotonic() < deadline:
            self.check()
            if not self.has_local_stripe or ports.answers(self.stripe_port):
                status, answer = self._readiness()
                if status == 200:
                    return
            else:
                answer = "local Stripe does not listen yet"
            time.sleep(0.05)
        raise StackProblem(
            f"Souk was not ready after {timeout:.0f} s (/readyz: {answer}). The end of {self.log('web')}:\n"
            + tail(self.log("web"))
        )

    def check(self) -> None:
        """Raises StackProblem if a process ended that nobody ended."""
        for child in self._children.values():
            if not child.is_running:
                raise StackProblem(child.last_words())
        if (
            self.has_own_postgres
            and not self._is_postgres_killed
            and self._warden
            and not self._postgres_pid()
        ):
            raise StackProblem(
                f"postgres ended. The end of {self.log('postgres')}:\n{tail(self.log('postgres'))}"
            )

    def kill(self, name: str) -> None:
        """SIGKILL a process (postgres, stripe, web, worker) and all it started. `restart` brings it back."""
        if name == "postgres" and self.has_own_postgres:
            self._is_postgres_killed = True
            postgres.kill(self.data_dir / "postgres")
            return
        self._forget(self._child(name)).kill()

    def restart(self, name: str) -> None:
        """Start a process again, stopping it first if it runs."""
        if name == "postgres" and self.has_own_postgres:
            self._is_postgres_killed = True
            postgres.stop(self.data_dir / "postgres")
            self._start_postgres()
            return
        if name in self._children:
            self._stop_children([name])
        self._spawn(name)

    def stop(self) -> None:
        """Stop everything and leave nothing behind. May be called more than once."""
        atexit.unregister(self.stop)
        if self._warden is None:
            self._remove_if_fresh()
            return
        self._stop_children(["manage", "web", "worker"])
        self._stop_children(["stripe"])
        if self.has_own_postgres:
            postgres.stop(self.data_dir / "postgres")
        elif self._is_fresh and self._database_url != self._given_database_url:
            databases.drop(self.database_url, beside=self._owner_url or str(self._given_database_url))
            self._database_url = self._given_database_url
        self._remove_if_fresh()
        self._warden.dismiss()
        self._warden = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def pids(self) -> dict[str, list[int]]:
        """Process ids by name: each process with its descendants."""
        families = {name: child.members() for name, child in self._children.items()}
        if self.has_own_postgres and (pid := self._postgres_pid()):
            with suppress(psutil.Error):
                server = psutil.Process(pid)
                families["postgres"] = [server, *server.children(recursive=True)]
        return {name: [process.pid for process in family] for name, family in families.items()}

    def manage(self, *arguments: str, timeout: float | None = None, on_line: Progress = _silent) -> str:
        """Run a manage.py command to its end and return what it printed, told line by line to `on_line` as well.

        Raises StackProblem if it fails or takes longer than `timeout` seconds.
        """
        log = self.log("manage")
        log.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "manage.py", *arguments]
        lines = []
        with log.open("ab") as errors:
            process = subprocess.Popen(
                command,
                cwd=self.root,
                env=self.env,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
            child = self._children["manage"] = Child("manage.py " + " ".join(arguments), process, log)
            self._watch(child)
            limit = threading.Timer(timeout, child.signal_group, [signal.SIGKILL]) if timeout else None
            try:
                if limit:
                    limit.start()
                for raw_line in process.stdout or ():
                    errors.write(raw_line)
                    lines.append(raw_line.decode(errors="replace").rstrip("\n"))
                    on_line(lines[-1])
                process.wait()
            finally:
                if limit:
                    limit.cancel()
                self._forget(child).kill()
        if process.returncode:
            raise StackProblem(child.last_words())
        return "\n".join(lines)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # Inside --------------------------------------------------------------------------------------------------------

    def _start(self, on_progress: Progress) -> None:
        self._hold_folder()
        if self.has_own_postgres:
            on_progress("Starting PostgreSQL")
            self._start_postgres()
        elif self._is_fresh:
            on_progress("Creating a database")
            self._database_url = databases.create_beside(
                str(self._given_database_url), owner_url=self._owner_url
            )
        if self.has_local_stripe:
            on_progress("Starting local Stripe")
            self._spawn("stripe")
        on_progress("Migrating the shared tables, and storefronts of an earlier version")
        self.manage("fleet", "migrate")
        on_progress("Starting the web server")
        self._spawn("web")
        on_progress(f"Filling the pool with {self.pool_size} ready storefront schemas")
        self.manage("pool", "--size", str(self.pool_size))
        on_progress("Starting the worker")
        self._spawn("worker")

    def _hold_folder(self) -> None:
        """One Stack per data folder. A Stack that just died still holds it until its remains are cleared up."""
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            self._lock = (self.data_dir / "stack.lock").open("ab")
        except OSError as error:
            raise StackProblem(
                f"{self.data_dir} cannot be used for data ({error.strerror}): move it away or name another folder "
                "in SOUK_DATA_DIR."
            ) from error
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if self._holder_is_alive() or time.monotonic() > deadline:
                    raise StackProblem(
                        f"Souk already runs on {self.data_dir}: stop it first, or name another folder in SOUK_DATA_DIR."
                    ) from None
                time.sleep(0.1)
        (self.data_dir / "stack.pid").write_text(str(os.getpid()), encoding="ascii")
        self._warden = Warden(cwd=ROOT, held_lock=self._lock.fileno())
        if self._is_fresh:
            self._warden.remove_at_end(self.data_dir)
        atexit.register(self.stop)

    def _holder_is_alive(self) -> bool:
        try:
            return is_alive(psutil.Process(int((self.data_dir / "stack.pid").read_text(encoding="ascii"))))
        except (OSError, ValueError, psutil.Error):
            return False

    def _start_postgres(self) -> None:
        if self._warden is not None:
            self._warden.watch_postgres(self.data_dir / "postgres")
        self._database_url = postgres.start(self.data_dir / "postgres", fsync=self.fsync)
        self._owner_url = postgres.owner_url(self.data_dir / "postgres")
        self._is_postgres_killed = False

    def _postgres_pid(self) -> int | None:
        return postgres.pid(self.data_dir / "postgres")

    def _command(self, name: str) -> list[str]:
        match name:
            case "stripe" if self.has_local_stripe:
                state = self.data_dir / "stripe.json"
                return stripe_command(
                    port=self.stripe_port,
                    state=state,
                    webhook_port=self.port,
                    host=self.host,
                    funds_after_seconds=self.funds_after_seconds,
                )
            case "web":
                return web_command(port=self.port, processes=self.web_processes, threads=self.web_threads)
            case "worker":
                return worker_command()
        raise ValueError(f"This stack has no process {name!r}; there are {', '.join(NAMES)}.")

    def _spawn(self, name: str) -> None:
        child = Child.spawn(name, self._command(name), env=self.env, cwd=self.root, log=self.log(name))
        self._children[name] = child
        self._watch(child)

    def _child(self, name: str) -> Child:
        self._command(name)  # refuses unknown names
        if name not in self._children:
            raise StackProblem(f"{name} is not running.")
        return self._children[name]

    def _watch(self, child: Child) -> None:
        if self._warden is not None:
            self._warden.watch_group(child.process.pid)

    def _forget(self, child: Child) -> Child:
        for name in [name for name, each in self._children.items() if each is child]:
            del self._children[name]
        if self._warden is not None:
            self._warden.forget_group(child.process.pid)
        return child

    def _stop_children(self, names: list[str]) -> None:
        children = [self._children[name] for name in names if name in self._children]
        for child in children:
            child.signal_group(signal.SIGTERM)
        until = time.monotonic() + STOP_SECONDS
        for child in children:
            child.stop(until=until)
            self._forget(child)

    def _remove_if_fresh(self) -> None:
        if self._is_fresh:
            shutil.rmtree(self.data_dir, ignore_errors=True)

    def _readiness(self) -> tuple[int | None, str]:
        connection = http.client.HTTPConnection(ports.LOOPBACK, self.port, timeout=5)
        try:
            connection.request("GET", "/readyz", headers={"Host": self.host})
            response = connection.getresponse()
            return response.status, f"{response.status} {response.read(500).decode(errors='replace')}"
        except (OSError, http.client.HTTPException) as error:
            return None, str(error) or type(error).__name__
        finally:
            connection.close()

    def _given(self, name: str) -> str | None:
        return self._extra_env.get(name) or os.environ.get(name) or None
