"""Everything a Stack starts is supervised, and ends with it."""

import http.client
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from stack import ports
from stack.ending import wait_for_end
from stack.problems import StackProblem
from stack.processes import ROOT, Stack

SUPERVISOR = """
import sys, time
from pathlib import Path
from stack.processes import Stack
stack = Stack(data_dir=Path(sys.argv[1]), root=Path(sys.argv[2]), fsync=False)
stack.start()
stack.wait_ready()
print(*[pid for family in stack.pids().values() for pid in family], flush=True)
time.sleep(600)
"""


def survivors(pids: list[int], seconds: float = 20) -> list[psutil.Process]:
    """Those of the processes that still live after some seconds."""
    return wait_for_end([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], seconds)


def get(stack: Stack) -> bytes:
    connection = http.client.HTTPConnection(ports.LOOPBACK, stack.port, timeout=5)
    try:
        connection.request("GET", "/", headers={"Host": stack.host})
        return connection.getresponse().read()
    finally:
        connection.close()


def test_a_fresh_stack_starts_survives_kills_and_leaves_nothing_behind(standin):
    seen: list[str] = []
    with Stack.fresh(root=standin, fsync=False) as stack:
        stack.start(seen.append)
        stack.wait_ready()
        first = stack.pids()
        assert set(first) == {"postgres", "stripe", "web", "worker"}
        assert get(stack) == f"ready at souk.localhost:{stack.port}".encode()
        assert seen[0] == "Starting PostgreSQL"

        for name in first:
            stack.kill(name)
            assert name not in stack.pids()
            assert survivors(first[name], seconds=2) == []
            stack.check()  # killed on purpose
            stack.restart(name)
        stack.wait_ready()
        second = stack.pids()
        stack.restart("web")
        stack.wait_ready()

    assert survivors([pid for family in second.values() for pid in family]) == []
    assert not stack.data_dir.exists()
    stack.stop()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_the_supervisor(standin, folder, number):
    arguments = [sys.executable, "-c", SUPERVISOR, str(folder), str(standin)]
    supervisor = subprocess.Popen(
        arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background job ignores it
    )  # fmt: skip
    pids = [int(pid) for pid in supervisor.stdout.readline().split()]
    assert len(pids) > 8

    supervisor.send_signal(number)
    supervisor.wait(30)

    assert survivors(pids) == []


def test_a_folder_serves_one_stack_and_is_free_after_it(standin, folder):
    with Stack(data_dir=folder, root=standin, fsync=False) as stack:
        stack.start()
        with pytest.raises(StackProblem, match="already runs on"):
            Stack(data_dir=folder, root=standin).start()
        stack.check()
    with Stack(data_dir=folder, root=standin, fsync=False) as stack:
        stack.start()
        stack.wait_ready()


def test_a_process_that_ends_is_told_with_its_log(standin, folder):
    with Stack(data_dir=folder, root=standin, fsync=False) as stack:
        stack.start()
        stack.wait_ready()
        os.kill(stack.pids()["worker"][0], signal.SIGKILL)
        time.sleep(0.2)
        with pytest.raises(StackProblem, match=r"worker was killed by signal 9(?s:.*)worker is up"):
            stack.check()
        stack.restart("worker")
        os.kill(stack.pids()["postgres"][0], signal.SIGKILL)
        time.sleep(0.2)
        with pytest.raises(StackProblem, match="postgres ended"):
            stack.check()


def test_a_command_that_fails_stops_the_start(standin):
    stack = Stack.fresh(root=standin, fsync=False, extra_env={"STANDIN_FAILS": "pool"})
    with pytest.raises(
        StackProblem, match=r"manage.py pool --size 5 ended with exit status 3(?s:.*)no luck today"
    ):
        stack.start()
    assert stack.pids() == {}
    assert not stack.data_dir.exists()


def test_the_environment_names_what_was_started(standin, folder, monkeypatch):
    monkeypatch.setenv("EMAIL_URL", "smtp://real.example")
    stack = Stack(
        data_dir=folder, port=8123, stripe_port=8124, root=standin, extra_env={"SOUK_HOLD_DAYS": "0"}
    )
    stack._database_url = "postgresql://souk@/souk"

    assert {
        name: stack.env.get(name) for name in ("SOUK_PORT", "STRIPE_API_BASE", "EMAIL_URL", "SOUK_HOLD_DAYS")
    } == {
        "SOUK_PORT": "8123",
        "STRIPE_API_BASE": "http://127.0.0.1:8124",
        "EMAIL_URL": "smtp://real.example",
        "SOUK_HOLD_DAYS": "0",
    }
    stack._is_fresh = True
    assert "EMAIL_URL" not in stack.env


def test_given_services_are_used(standin, folder, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://given/souk")
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_test_given")
    stack = Stack(data_dir=folder, root=standin)

    assert (stack.has_own_postgres, stack.has_local_stripe, stack.stripe_url) == (False, False, None)
    assert stack.env["DATABASE_URL"] == "postgresql://given/souk"
    assert stack.env["STRIPE_API_BASE"] == ""
    assert Stack(data_dir=folder, root=standin, own_postgres=True).has_own_postgres is True


def test_a_fresh_stack_gets_a_database_of_its_own_on_a_given_server(standin, data_dir, monkeypatch):
    from stack import postgres
    from tests.stack.test_postgres import query

    given = postgres.start(data_dir, fsync=False)
    monkeypatch.setenv("DATABASE_URL", given)
    monkeypatch.setenv("DATABASE_OWNER_URL", postgres.owner_url(data_dir))
    with Stack.fresh(root=standin) as stack:
        stack.start()
        name = query(stack.env["DATABASE_URL"], "SELECT current_database()")
        assert str(name).startswith("souk_")
    assert query(given, f"SELECT count(*) FROM pg_database WHERE datname = '{name}'") == 0


def test_the_path_of_the_root_is_the_checkout():
    assert (ROOT / "manage.py").exists()
    assert Path(Stack(root=ROOT).data_dir) == (ROOT / ".souk").resolve()
