"""Clears up after a supervisor that died: `python -m stack.warden`, told over its standard input what there is.

Lines: `+ <process group>`, `- <process group>`, `postgres <data folder>`, `remove <folder>`, `bye`. When the input ends
without `bye` the supervisor is gone, however that happened, and everything named is stopped.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

from stack import postgres

GRACE_SECONDS = 5.0


class Warden:
    """The supervisor's end: starts the warden and keeps it informed."""

    def __init__(self, *, cwd: Path, held_lock: int) -> None:
        """`held_lock` is a locked file descriptor the warden holds too, until it has cleared up."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "stack.warden"],
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[held_lock],
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def watch_group(self, group: int) -> None:
        self._tell(f"+ {group}")

    def forget_group(self, group: int) -> None:
        self._tell(f"- {group}")

    def watch_postgres(self, data_dir: Path) -> None:
        self._tell(f"postgres {data_dir}")

    def remove_at_end(self, folder: Path) -> None:
        self._tell(f"remove {folder}")

    def dismiss(self) -> None:
        """All is cleared up: the warden ends without doing anything."""
        self._tell("bye")
        with contextlib.suppress(OSError):
            self._input.close()
        self._process.wait()

    @property
    def _input(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    def _tell(self, line: str) -> None:
        with contextlib.suppress(BrokenPipeError, ValueError):  # a killed warden must not stop the supervisor
            self._input.write(line.encode() + b"\n")
            self._input.flush()


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    servers: set[str] = set()
    folders: set[str] = set()
    for line in sys.stdin:
        word, _, value = line.rstrip("\n").partition(" ")
        if word == "bye":
            return
        if word == "-":
            groups.discard(int(value))
        elif word == "+":
            groups.add(int(value))
        else:
            (servers if word == "postgres" else folders).add(value)
    _end_groups(groups)
    for data_dir in servers:
        with contextlib.suppress(Exception):
            postgres.stop(Path(data_dir))
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _end_groups(groups: set[int]) -> None:
    deadline = time.monotonic() + GRACE_SECONDS
    number = signal.SIGTERM
    while groups:
        for group in tuple(groups):
            try:
                os.killpg(group, number)
            except (ProcessLookupError, PermissionError):
                groups.discard(group)
        if number == signal.SIGKILL:
            return
        if time.monotonic() > deadline:
            number = signal.SIGKILL
        time.sleep(0.1)


if __name__ == "__main__":
    main()
