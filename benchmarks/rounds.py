"""Measuring an operation in rounds, beside its baseline, in short turns.

CPU time is not free of what else runs: neighbours on the same cores empty caches and slow every instruction down. So
an operation and its baseline take turns. Milliseconds are those of the cheapest round; a ratio is the median of the
ratios of rounds next to each other, which neighbours hardly move. All rounds are in the report.
"""

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from benchmarks.client import timed
from benchmarks.machine import cpu_ms

ROUNDS = 9


@dataclass
class Cost:
    """What so many calls of one operation took, a round at a time."""

    call: Callable[[int], None]
    times: int
    web: list[int]
    server: Callable[[], Iterable[int]]
    rounds: list[tuple[float, float]] = field(default_factory=list)
    walls: list[float] = field(default_factory=list)

    def warm_up(self) -> None:
        """Connections, caches and imports, before anything is counted."""
        timed(max(self.times // 5, 20), self.call)

    def round(self) -> None:
        """One round: milliseconds of CPU a call, of the web processes and of PostgreSQL."""
        server = list(self.server())
        web_before, server_before = cpu_ms(self.web), cpu_ms(server)
        self.walls += timed(self.times, self.call)
        spent = cpu_ms(self.web) - web_before, cpu_ms(server) - server_before
        self.rounds.append((spent[0] / self.times, spent[1] / self.times))

    @property
    def least(self) -> tuple[float, float]:
        """The cheapest round: (web, PostgreSQL)."""
        return min(self.rounds, key=sum)

    def times_that_of(self, other: "Cost") -> float:
        """How many times the other's cost, from the rounds they took in turns."""
        pairs = zip(self.rounds, other.rounds, strict=True)
        return round(statistics.median(sum(mine) / sum(theirs) for mine, theirs in pairs), 2)

    def report(self) -> dict[str, object]:
        """As the report has it."""
        web, server = self.least
        walls = sorted(self.walls)
        return {
            "cpu_ms": round(web + server, 3),
            "web_cpu_ms": round(web, 3),
            "postgres_cpu_ms": round(server, 3),
            "p50_ms": round(statistics.median(walls), 2),
            "p95_ms": round(walls[int(len(walls) * 0.95)], 2),
            "rounds_cpu_ms": [round(sum(each), 3) for each in self.rounds],
        }


def take_turns(*costs: Cost) -> None:
    """All rounds of these operations, one after the other."""
    for cost in costs:
        cost.warm_up()
    for _ in range(ROUNDS):
        for cost in costs:
            cost.round()
