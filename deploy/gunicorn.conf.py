"""gunicorn: threads, because the tenant lives on the thread's database connection; code loaded once, then shared."""

import os
from pathlib import Path

bind = os.environ.get("WEB_BIND", "0.0.0.0:8000")
worker_class = "gthread"
workers = int(os.environ.get("WEB_PROCESSES", "2"))
threads = int(os.environ.get("WEB_THREADS", "4"))
preload_app = True
timeout = 60
graceful_timeout = 10
keepalive = 75  # longer than the proxy keeps idle connections, so that it never meets one just closed
control_socket_disable = True
accesslog = None  # requests are logged by the application, with tenant and request id
if Path("/dev/shm").is_dir():
    worker_tmp_dir = "/dev/shm"


def pre_fork(server: object, worker: object) -> None:
    """Close database connections opened while loading: two processes must never share one."""
    from django.conf import settings
    from django.db import connections

    if settings.configured:
        connections.close_all()
