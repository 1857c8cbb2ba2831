"""Which worker of pytest-xdist runs which test."""

from typing import Any

from xdist.scheduler import LoadScopeScheduling

TOGETHER = ("tests/browser/", "tests/deploy/")  # they share a running stack, and a browser or Caddy


class Shared(LoadScopeScheduling):
    """One test at a time to whoever is free, except those that belong together: all of them to one worker.

    (pytest-xdist has groups for this; 3.8 writes them into node ids where pytest 9.2 no longer reads them.)
    """

    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in TOGETHER if nodeid.startswith(folder)), nodeid)


def scheduler(config: Any, log: Any) -> Shared | None:
    """What runs in place of the default of `-n`; another way asked for with `--dist` is kept."""
    return Shared(config, log) if config.getoption("dist") == "load" else None
