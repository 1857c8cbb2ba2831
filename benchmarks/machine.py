"""CPU time and memory of processes, read from /proc."""

import os
from collections.abc import Iterable
from pathlib import Path

TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")


def cpu_ms(pids: Iterable[int]) -> float:
    """User and system time of these processes so far, in milliseconds. Those that have gone count as 0.

    From the scheduler's nanoseconds, thread by thread: the ticks of /proc/<pid>/stat are 10 ms each, which is as much
    as ten requests. Threads that have ended are not in it, so measure processes that keep theirs.
    """
    return sum(_nanoseconds(pid) for pid in pids) / 1_000_000


def _nanoseconds(pid: int) -> int:
    try:
        return sum(int(each.read_text().split()[0]) for each in Path(f"/proc/{pid}/task").glob("*/schedstat"))
    except OSError:
        return 0


def memory_mb(pids: Iterable[int]) -> float:
    """Proportional set size: shared pages are counted once."""
    return sum(_pss_kb(pid) for pid in pids) / 1024


def _pss_kb(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def ended_children_ms(pid: int) -> float:
    """User and system time of the children of a process that have ended, in milliseconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[13]) + int(fields[14])) * TICK_MS
