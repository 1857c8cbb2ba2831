"""One supervised process: it and whatever it starts form a process group that ends as a whole."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from stack.ending import wait_for_end

TAIL_LINES = 15


@dataclass(slots=True)
class Child:
    """A running process and its log."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    @classmethod
    def spawn(
        cls, name: str, command: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path
    ) -> "Child":
        """Start `command` in a session of its own, so that a Ctrl-C in the terminal reaches only its supervisor."""
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                env=dict(env),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return cls(name, process, log)

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    def signal_group(self, number: signal.Signals) -> None:
        """Signal every process of the group; nothing happens if all are gone."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)

    def kill(self) -> None:
        """SIGKILL the whole group and wait until it is gone."""
        members = self.members()
        self.signal_group(signal.SIGKILL)
        self.process.wait()
        wait_for_end(members, 5)

    def stop(self, *, until: float) -> None:
        """Wait for a group that was told to stop, until that monotonic time; then SIGKILL what is left."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(max(0.0, until - time.monotonic()))
        self.kill()

    def members(self) -> list[psutil.Process]:
        """The process and its descendants."""
        try:
            leader = psutil.Process(self.process.pid)
            return [leader, *leader.children(recursive=True)]
        except psutil.Error:
            return []

    def last_words(self) -> str:
        """How it ended, and the end of its log."""
        status = self.process.poll()
        if status is None:
            ended = "is running"
        else:
            ended = f"was killed by signal {-status}" if status < 0 else f"ended with exit status {status}"
        return f"{self.name} {ended}. The end of {self.log}:\n{tail(self.log)}"


def tail(log: Path, lines: int = TAIL_LINES) -> str:
    """The last lines of a log, indented."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 16_384))
            text = file.read().decode(errors="replace")
    except OSError:
        text = ""
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:]) or "    (empty)"
