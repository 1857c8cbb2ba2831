import sys

from django.core.management.base import BaseCommand
from tqdm import tqdm

from services.provisioning_services import fill_pool


class Command(BaseCommand):
    help = "Fills the pool of ready storefront schemas, so that sign-ups wait for no migration."

    def add_arguments(self, parser):
        parser.add_argument("--size", type=int, default=None)

    def handle(self, *, size, **options):
        with tqdm(total=size, unit=" schemas", disable=not sys.stderr.isatty()) as bar:
            made = fill_pool(size=size, on_progress=lambda done, wanted: bar.update(1))
        self.stdout.write(f"{made} schemas made")
