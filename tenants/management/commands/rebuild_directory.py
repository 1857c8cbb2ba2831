import sys

from django.core.management.base import BaseCommand
from tqdm import tqdm

from services.directory_services import rebuild_directory


class Command(BaseCommand):
    help = "Makes the marketplace's directory and search what the storefronts' own tables say."

    def add_arguments(self, parser):
        parser.add_argument("--storefront", default="", help="only this one (slug)")

    def handle(self, *, storefront, **options):
        with tqdm(unit=" storefronts", disable=not sys.stderr.isatty()) as bar:
            changed = rebuild_directory(slug=storefront, on_progress=lambda tenant, rows: bar.update(1))
        self.stdout.write(f"{changed} rows changed")
