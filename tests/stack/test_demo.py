"""`make demo` shows where to go, or one sentence that tells what to do."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stack import demo, ports
from stack.problems import StackProblem
from stack.processes import ROOT


@pytest.fixture
def environment(standin: Path, folder: Path) -> dict[str, str]:
    """Variables of a demo of the stand-in, in an empty folder on a free port."""
    return {
        **os.environ,
        "SOUK_ROOT": str(standin),
        "SOUK_DATA_DIR": str(folder),
        "SOUK_PORT": str(ports.free_port()),
    }


def run_demo(environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "stack.demo"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)


def test_it_shows_the_logins_and_stops_when_told(environment):
    command = [sys.executable, "-m", "stack.demo"]
    running = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    shown = ""
    while "Souk is up" not in shown:
        line = running.stdout.readline()
        assert line, f"ended early:\n{shown}"
        shown += line
    running.send_signal(signal.SIGTERM)
    rest, _ = running.communicate(timeout=30)

    assert "Storefront Leaf  http://souk.localhost" in shown
    assert "a@example.com  password: secret" in shown
    assert rest.endswith("Stopped.\n")
    assert running.returncode == 0
    assert ports.is_free(int(environment["SOUK_PORT"]))


def test_a_taken_port_is_told_at_once(environment):
    with socket.socket() as other:
        other.bind((ports.LOOPBACK, int(environment["SOUK_PORT"])))
        other.listen()
        started = time.monotonic()
        ended = run_demo(environment)

    assert ended.returncode == 1
    assert f"Port {environment['SOUK_PORT']} is taken: stop the program that listens there" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert time.monotonic() - started < 5


def test_a_broken_data_folder_is_told(environment, folder):
    (folder / "postgres" / "data").mkdir(parents=True)
    (folder / "postgres" / "data" / "stray").touch()

    ended = run_demo(environment)

    assert ended.returncode == 1
    assert "is not a PostgreSQL data folder: move it away" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_data_folder_that_is_a_file_is_told(environment, folder):
    (folder / "file").touch()

    ended = run_demo({**environment, "SOUK_DATA_DIR": str(folder / "file")})

    assert ended.returncode == 1
    assert "cannot be used for data" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_nonsense_port_is_told(environment):
    ended = run_demo({**environment, "SOUK_PORT": "eighty"})

    assert ended.returncode == 1
    assert "SOUK_PORT is 'eighty'" in ended.stderr


def test_a_seed_without_addresses_is_told():
    with pytest.raises(StackProblem, match="printed no addresses"):
        demo.seeded("done\n")
