import signal

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils.module_loading import import_string

from core.jobs.worker import Worker


class Command(BaseCommand):
    help = "Runs jobs until stopped (SIGTERM finishes what is running). Start as many as you like, on any machine."

    def add_arguments(self, parser):
        parser.add_argument("--threads", type=int, default=4)
        parser.add_argument("--poll-seconds", type=float, default=0.2)
        parser.add_argument("--with-scheduler", action="store_true", help="also enqueue recurring jobs")

    def handle(self, *, threads, poll_seconds, with_scheduler, **options):
        import_string(settings.JOB_WORKER_ASKS)()
        worker = Worker(threads=threads, poll_seconds=poll_seconds, with_scheduler=with_scheduler)
        signal.signal(signal.SIGTERM, worker.stop)
        signal.signal(signal.SIGINT, worker.stop)
        worker.run()
