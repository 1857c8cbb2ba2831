import json

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from core.errors import DomainError
from services.demo_services import seed_demo


class Command(BaseCommand):
    help = "Opens the demo's storefronts, with products, orders and people. The last line printed is JSON. Safe to repeat."

    def add_arguments(self, parser):
        parser.add_argument(
            "--samples", action="store_true", help="only Souk's own samples, the same on every machine"
        )

    def handle(self, *, samples, **options):
        if settings.SETTINGS_MODULE.endswith("prod"):
            raise CommandError("The demo's passwords are public: not in production.")
        try:
            places = seed_demo(say=self.stdout.write, samples_only=samples)
        except DomainError as error:
            raise CommandError(error.sentence) from error
        self.stdout.write(json.dumps(places))
