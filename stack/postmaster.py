"""The running PostgreSQL of a cluster: is it there, start it, end it, and clear up after one that was killed."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

import psutil

from stack.account import Account
from stack.cluster import SOCKET_NAME, Cluster, binary, server_env
from stack.ending import is_alive, wait_for_end
from stack.problems import PostgresProblem

IMPOSSIBLE_PID = 4_194_305  # above the kernel's limit: a process id nobody can have
START_SECONDS = 60.0
STOP_SECONDS = 20.0

_children: list[subprocess.Popen[bytes]] = []  # servers this process started, to be reaped when they end


def find(cluster: Cluster) -> psutil.Process | None:
    """The live server of this cluster. A stale lock file, a zombie or a stranger with its process id is none."""
    _reap()
    lines = _lock_lines(cluster)
    if not lines or not lines[0].strip().isdigit():
        return None
    try:
        process = psutil.Process(int(lines[0]))
        return process if _is_server_of(process, cluster) else None
    except (psutil.Error, OverflowError):
        return None


def socket_folder(cluster: Cluster) -> Path | None:
    """Where the live server listens; None until it accepts connections."""
    lines = _lock_lines(cluster)
    if len(lines) < 8 or lines[7].strip() != "ready" or not lines[4].strip():
        return None
    return Path(lines[4].strip())


def launch(cluster: Cluster, account: Account | None, sockets: Path) -> None:
    """Start the server in a session of its own and wait until it accepts connections on `sockets`."""
    _clear_remains(cluster)
    for remains in sockets.glob(
        SOCKET_NAME + "*"
    ):  # its lock may name a zombie, which PostgreSQL takes for alive
        remains.unlink()
    command = [str(binary("postgres")), "-D", str(cluster.data)]
    with cluster.log.open("ab") as log:
        log_start = log.seek(0, os.SEEK_END)
        if account:
            account.own(cluster.log)
        server = subprocess.Popen(
            command,
            **(account.launch_options() if account else {}),
            cwd=cluster.folder,
            env=server_env(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    _children.append(server)
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None:
        lines = _lock_lines(cluster)
        if lines and lines[0].strip() == str(server.pid) and socket_folder(cluster):
            return
        if time.monotonic() > deadline:
            _end(psutil.Process(server.pid), signal.SIGQUIT)
            break
        time.sleep(0.02)
    raise _start_problem(cluster, log_start)


def shut_down(cluster: Cluster, server: psutil.Process) -> None:
    """Stop the server: fast first, then without mercy. Its data survives either."""
    for stop_signal in (signal.SIGINT, signal.SIGQUIT):
        if _end(server, stop_signal):
            return
    kill(cluster, server)


def kill(cluster: Cluster, server: psutil.Process) -> None:
    """SIGKILL the server and every process of it at once, as a power cut would."""
    with contextlib.suppress(psutil.Error):
        family = [server, *server.children(recursive=True)]
        for process in family:
            with contextlib.suppress(psutil.Error):
                process.kill()
        wait_for_end(family, STOP_SECONDS)
    _reap()


def _clear_remains(cluster: Cluster) -> None:
    """After a SIGKILL: end orphaned backends, and void a lock file that names a process which is not a server.

    The lock file is kept where possible, because PostgreSQL uses its other lines to be sure that no backend of the
    dead server still has the shared memory open.
    """
    orphans = [process for process in psutil.process_iter() if _is_server_of(process, cluster)]
    for stop_signal in (signal.SIGQUIT, signal.SIGKILL):
        for process in orphans:
            with contextlib.suppress(psutil.Error):
                process.send_signal(stop_signal)
        orphans = wait_for_end(orphans, 5)
    lock_file = cluster.data / "postmaster.pid"
    lines = _lock_lines(cluster)
    if lines and lines[0].strip().isdigit():
        lock_file.write_text("\n".join([str(IMPOSSIBLE_PID), *lines[1:]]) + "\n", encoding="utf-8")
    else:
        lock_file.unlink(missing_ok=True)


def _is_server_of(process: psutil.Process, cluster: Cluster) -> bool:
    try:
        return (
            process.name().startswith("postgres")
            and is_alive(process)
            and Path(process.cwd()) == cluster.data
        )
    except (psutil.Error, OSError):
        return False


def _lock_lines(cluster: Cluster) -> list[str]:
    try:
        return (cluster.data / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _end(server: psutil.Process, stop_signal: signal.Signals) -> bool:
    try:
        server.send_signal(stop_signal)
    except psutil.NoSuchProcess:
        return True
    has_ended = not wait_for_end([server], STOP_SECONDS)
    _reap()
    return has_ended


def _reap() -> None:
    _children[:] = [server for server in _children if server.poll() is None]


def _start_problem(cluster: Cluster, log_start: int) -> PostgresProblem:
    with cluster.log.open("rb") as log:
        log.seek(log_start)
        lines = log.read().decode(errors="replace").splitlines()
    causes = [line for line in lines if "FATAL:" in line or "PANIC:" in line] or [" ".join(lines[-3:])]
    cause = causes[-1].split("FATAL:")[-1].split("PANIC:")[-1].strip() or "it did not answer in time"
    return PostgresProblem(
        f"PostgreSQL does not start on {cluster.data} ({cause}; see {cluster.log}): "
        "repair it, or move the folder away to start with an empty database."
    )
