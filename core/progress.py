"""How far long work is, told to whoever looks."""

from collections.abc import Callable

Say = Callable[[int, int], None]
"""`say(done, total)`: as often as the work likes."""


def nobody(done: int, total: int) -> None:
    """Nobody looks."""
