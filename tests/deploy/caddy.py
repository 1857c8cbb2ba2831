"""The real Caddy with the real deploy/Caddyfile, on ports of the loopback address, and a visitor who knows its certificate authority."""

import http.client
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest

from stack import ports
from stack.processes import ROOT

CADDYFILE = ROOT / "deploy" / "Caddyfile"
SKIPPED = "CADDY TESTS WERE SKIPPED: no Caddy was found. Install it (Debian: apt-get install caddy)."
OPTIONS = """local_certs
skip_install_trust
admin off
default_bind 127.0.0.1
storage file_system {folder}
"""
READY_SECONDS = 30.0


def installed() -> str:
    """Caddy. Where there is none nothing is tested, which is said aloud, and not accepted in CI."""
    path = shutil.which("caddy")
    if path is None and os.environ.get("CI"):
        pytest.fail(SKIPPED, pytrace=False)
    return path or pytest.skip(SKIPPED)


def environment(*, upstream: int, http_port: int, https_port: int, folder: Path, host: str) -> dict[str, str]:
    """What the Caddyfile reads; certificates are Caddy's own and kept in `folder`."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "ACME_EMAIL": "operator@souk.example",
        "SOUK_MARKETPLACE_HOST": host,
        "SOUK_UPSTREAM": f"{ports.LOOPBACK}:{upstream}",
        "CADDY_HTTP_PORT": str(http_port),
        "CADDY_HTTPS_PORT": str(https_port),
        "CADDY_OPTIONS": OPTIONS.format(folder=folder),
    }


@dataclass
class Answer:
    """What came back, and who issued the certificate."""

    status: int
    headers: Mapping[str, str]
    text: str
    issuer: str = ""

    def json(self) -> Any:
        return orjson.loads(self.text)


@dataclass
class Caddy:
    """A running Caddy."""

    folder: Path
    http_port: int
    https_port: int
    command: list[str] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def root(self) -> Path:
        """The certificate of its authority."""
        return self.folder / "pki" / "authorities" / "local" / "root.crt"

    @property
    def log(self) -> Path:
        return self.folder / "caddy.log"

    def start(self) -> None:
        """Until it listens and has its authority."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder
            )
        deadline = time.monotonic() + READY_SECONDS
        while not (self.root.exists() and ports.answers(self.https_port)):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"Caddy did not start:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def has_certificate_for(self, host: str) -> bool:
        """Whether one was ever made: they are kept in files."""
        return any(path.name == host for path in self.folder.glob("certificates/*/*"))

    def ask(
        self,
        host: str,
        path: str = "/",
        *,
        method: str = "GET",
        name: str | None = None,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> Answer:
        """One request over TLS. `name` is what the handshake asks for where it is not `host`; "" is no name at all.

        Raises ssl.SSLError where there is no certificate for it.
        """
        context = ssl.create_default_context(cafile=str(self.root))
        wanted = host if name is None else name
        context.check_hostname = bool(wanted)
        raw = socket.create_connection((ports.LOOPBACK, self.https_port), timeout=20)
        with raw, context.wrap_socket(raw, server_hostname=wanted or None) as secure:
            issuer = dict(pair for (pair,) in secure.getpeercert()["issuer"])  # type: ignore[index, misc]
            answer = _exchange(secure, host, path, method, headers or {}, body)
        answer.issuer = str(issuer.get("commonName", ""))
        return answer

    def ask_plainly(self, host: str, path: str = "/") -> Answer:
        """One request without TLS."""
        with socket.create_connection((ports.LOOPBACK, self.http_port), timeout=20) as raw:
            return _exchange(raw, host, path, "GET", {}, None)


def _exchange(
    over: socket.socket, host: str, path: str, method: str, headers: Mapping[str, str], body: Any
) -> Answer:
    sent = orjson.dumps(body) if body is not None else b""
    lines = [
        f"{method} {path} HTTP/1.1",
        f"Host: {host}",
        "Connection: close",
        f"Content-Length: {len(sent)}",
    ]
    if body is not None:
        lines.append("Content-Type: application/json")
    lines += [f"{key}: {value}" for key, value in headers.items()]
    over.sendall("\r\n".join([*lines, "", ""]).encode() + sent)
    response = http.client.HTTPResponse(over, method=method)
    response.begin()
    return Answer(response.status, dict(response.getheaders()), response.read().decode("utf-8", "replace"))


@contextmanager
def running(*, upstream: int, host: str, folder: Path) -> Iterator[Caddy]:
    """Caddy in front of whoever listens on the port `upstream`, stopped at the end."""
    caddy = Caddy(folder=folder, http_port=ports.free_port(), https_port=ports.free_port())
    caddy.command = [installed(), "run", "--adapter", "caddyfile", "--config", str(CADDYFILE)]
    caddy.env = environment(
        upstream=upstream, http_port=caddy.http_port, https_port=caddy.https_port, folder=folder, host=host
    )
    try:
        caddy.start()
        yield caddy
    finally:
        caddy.stop()
