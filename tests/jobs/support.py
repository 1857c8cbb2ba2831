"""Tasks that exist for one test, and a mail server that can be made to wait."""

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from core.jobs.queue import TASKS, task


@contextmanager
def registered(name: str, run: Callable[..., object], **options: Any) -> Iterator[None]:
    """A task for the length of the block."""
    before = dict(TASKS)
    task(name, **options)(run)
    try:
        yield
    finally:
        TASKS.clear()
        TASKS.update(before)


class MailServer(socketserver.ThreadingTCPServer):
    """Speaks enough SMTP. `hold()` lets senders wait before the first word, `release()` serves them and all others."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.taken: list[str] = []
        self.somebody_waits = threading.Event()
        self.serves = threading.Event()
        self.serves.set()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.server_address[1]}"

    def hold(self) -> None:
        self.serves.clear()

    def release(self) -> None:
        self.serves.set()


class _Conversation(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self.server.somebody_waits.set()
        self.server.serves.wait(30)
        with suppress(OSError):  # the sender may be gone
            self._talk()

    def _talk(self) -> None:
        self._say("220 ready")
        while line := self.rfile.readline().decode().strip():
            match line.split(" ")[0].upper():
                case "DATA":
                    self._say("354 go on")
                    letter = []
                    while (part := self.rfile.readline()) != b".\r\n":
                        if not part:
                            return
                        letter.append(part.decode())
                    self.server.taken.append("".join(letter))
                    self._say("250 taken")
                case "QUIT":
                    self._say("221 bye")
                    return
                case _:
                    self._say("250 fine")

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")
        self.wfile.flush()
