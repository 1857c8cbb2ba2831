import signal
import threading

from django.core.management.base import BaseCommand

from core.jobs import schedule


class Command(BaseCommand):
    help = "Enqueues recurring jobs. Several may run: each tick is enqueued once."

    def handle(self, **options):
        stopped = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: stopped.set())
        signal.signal(signal.SIGINT, lambda *_: stopped.set())
        schedule.sync()
        while not stopped.wait(1):
            schedule.tick()
