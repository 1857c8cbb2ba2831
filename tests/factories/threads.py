"""Doing things at the same moment, on connections of their own."""

import threading
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

from django.db import connection

from tenants.context import tenant_scope
from tenants.models import Tenant


def at_once(actions: Sequence[Callable[[], Any]], *, tenant: Tenant | None = None) -> list[Any]:
    """Run all at the same moment, each in a thread that serves `tenant`. What each returned, or the error it raised."""
    start = threading.Barrier(len(actions))
    results: list[Any] = [None] * len(actions)

    def run(index: int) -> None:
        try:
            with tenant_scope(tenant) if tenant else nullcontext():
                connection.ensure_connection()
                start.wait()
                results[index] = actions[index]()
        except Exception as error:
            results[index] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(actions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def failures(results: Sequence[Any], *expected: type[Exception]) -> list[Exception]:
    """The errors among the results that were not expected."""
    return [
        result for result in results if isinstance(result, Exception) and not isinstance(result, expected)
    ]


class Gate:
    """Lets a race happen for certain: everybody reads before anybody goes on to write."""

    def __init__(self, parties: int) -> None:
        self._barrier = threading.Barrier(parties)

    def wait(self) -> None:
        """Blocks until all parties have come here."""
        self._barrier.wait(timeout=20)
