import sys

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from core.errors import NotFound
from services.directory_services import rebuild_directory


class Command(BaseCommand):
    help = "Makes the marketplace's directory and search what the storefronts' own tables say."

    def add_arguments(self, parser):
        parser.add_argument("--storefront", default="", help="only this one (slug)")

    def handle(self, *, storefront, **options):
        try:
            with tqdm(unit=" storefronts", disable=not sys.stderr.isatty()) as bar:
                changed = rebuild_directory(slug=storefront, on_progress=lambda tenant, rows: bar.update(1))
        except NotFound as error:
            raise CommandError(f"There is no storefront {storefront!r}.") from error
        self.stdout.write(f"{changed} rows changed")
