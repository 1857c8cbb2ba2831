"""Runs the application under uvicorn, in the foreground or in a thread."""

import contextlib
import signal
import socket
import threading
import time
from collections.abc import Iterator

import uvicorn

from stripe_local.app import Application
from stripe_local.settings import Settings


def configured(application: Application) -> uvicorn.Server:
    """One quiet uvicorn server."""
    config = uvicorn.Config(
        application,
        access_log=False,
        log_level="warning",
        lifespan="on",
        ws="none",
        server_header=False,
        date_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=2,
    )
    return uvicorn.Server(config)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(
        family, socket.SOCK_STREAM, socket.IPPROTO_TCP
    )  # so that asyncio sets TCP_NODELAY
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(512)
    return listener


def serve(settings: Settings, *, host: str, port: int) -> None:
    """Serve until SIGINT or SIGTERM."""
    application = Application(settings)
    listener = listen(host, port)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)  # uvicorn raises them once more when it has shut down
    try:
        configured(application).run(sockets=[listener])
    finally:
        listener.close()
        application.close()


@contextlib.contextmanager
def in_thread(
    application: Application, listener: socket.socket, *, timeout_seconds: float = 10
) -> Iterator[None]:
    """Serve from a thread of this process while the block runs."""
    server = configured(application)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listener]}, daemon=True, name="stripe-local"
    )
    thread.start()
    deadline = time.monotonic() + timeout_seconds
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the local Stripe server did not start")
        time.sleep(0.002)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(timeout_seconds)
        listener.close()
