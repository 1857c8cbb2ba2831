"""Waiting for processes to end that may not be our children."""

import time
from collections.abc import Iterable

import psutil


def is_alive(process: psutil.Process) -> bool:
    """A zombie has ended, whether or not its parent has noticed: in a container nobody may ever notice."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_for_end(processes: Iterable[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait until all have ended or time is up; return those still alive."""
    deadline = time.monotonic() + seconds
    while (alive := [process for process in processes if is_alive(process)]) and time.monotonic() < deadline:
        time.sleep(0.01)
    return alive
