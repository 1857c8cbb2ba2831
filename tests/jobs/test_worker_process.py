"""The worker as a process: killed in the middle of a job, and told to stop in the middle of one."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection, transaction

from core.models import Job
from services.notification_services import notify
from shop.models import Notification
from tenants.context import tenant_scope
from tests.jobs.support import MailServer

pytestmark = [pytest.mark.usefixtures("committed"), pytest.mark.stack]


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server
        server.release()
        server.shutdown()


@pytest.fixture
def start_worker(mail_server: MailServer) -> Iterator:
    """Starts `manage.py worker` on the test database; what is left at the end is killed."""
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings.dev",
        "DATABASE_URL": url,
        "EMAIL_URL": mail_server.url,
        "SOUK_JOB_LEASE_SECONDS": "1",
    }
    started: list[subprocess.Popen[bytes]] = []

    def start() -> "subprocess.Popen[bytes]":
        command = [sys.executable, "manage.py", "worker", "--threads", "2", "--poll-seconds", "0.05"]
        started.append(
            subprocess.Popen(
                command, cwd=settings.BASE_DIR, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def wait_for(what, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def tell(tenant) -> None:
    with tenant_scope(tenant), transaction.atomic():
        notify(type="note", title="A note", message="Hello", dedupe_key="a", email="ada@example.com")


def test_a_job_whose_worker_is_killed_runs_again_after_its_lease_and_takes_effect_once(
    tenant, mail_server, start_worker
):
    mail_server.hold()
    tell(tenant)
    first = start_worker()
    assert mail_server.somebody_waits.wait(20)
    assert Job.objects.get().state == "running"

    first.send_signal(signal.SIGKILL)
    first.wait()
    mail_server.release()
    killed_at = time.monotonic()
    start_worker()
    wait_for(lambda: not Job.objects.exists())

    assert time.monotonic() - killed_at < 15
    assert len(mail_server.taken) == 1
    with tenant_scope(tenant):
        assert Notification.objects.get().mail_state == "sent"


def test_a_worker_that_is_told_to_stop_finishes_what_it_has_begun(tenant, mail_server, start_worker):
    mail_server.hold()
    tell(tenant)
    worker = start_worker()
    assert mail_server.somebody_waits.wait(20)

    worker.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        worker.wait(0.5)
    mail_server.release()

    assert worker.wait(15) == 0
    assert len(mail_server.taken) == 1
    assert not Job.objects.exists()
