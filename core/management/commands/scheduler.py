import signal
import threading

import structlog
from django.core.management.base import BaseCommand
from django.db import connections

from core.jobs.schedule import Scheduler

log = structlog.get_logger("souk.jobs")


class Command(BaseCommand):
    help = "Enqueues recurring jobs. Several may run: each tick is enqueued once."

    def handle(self, **options):
        stopped = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: stopped.set())
        signal.signal(signal.SIGINT, lambda *_: stopped.set())
        scheduler = Scheduler()
        while not stopped.wait(1):
            try:
                scheduler.tick()
            except Exception as error:
                log.warning("scheduler.database", error=type(error).__name__)
                connections.close_all()
