"""The server's own clock: real time plus what the caller advanced it by."""

import time


class Clock:
    """Seconds since 1970, shifted by `offset` and never running backwards."""

    def __init__(self, offset: float = 0) -> None:
        self.offset = offset
        self.latest = 0.0

    def time(self) -> float:
        """Now, with its fraction."""
        self.latest = max(self.latest, time.time() + self.offset)
        return self.latest

    def now(self) -> int:
        """Now in whole seconds, as Stripe's `created` fields have it."""
        return int(self.time())

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass at once."""
        self.offset += seconds
