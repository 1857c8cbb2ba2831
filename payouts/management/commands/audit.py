import json
import sys

from django.core.management.base import BaseCommand
from tqdm import tqdm

from services.invariant_services import audit


class Command(BaseCommand):
    help = "Checks what must always hold, over the books and every storefront. Exits with 1 where something does not."

    def add_arguments(self, parser):
        parser.add_argument(
            "--tenant", default="", help="only this storefront's slug (and the shared tables)"
        )
        parser.add_argument("--json", action="store_true")

    def handle(self, *, tenant, **options):
        with tqdm(unit=" storefronts", disable=not sys.stderr.isatty()) as bar:
            report = audit(slug=tenant, on_progress=lambda name: bar.update(1))
        if options["json"]:
            self.stdout.write(json.dumps(report.as_json()))
        else:
            for violation in report.violations:
                self.stdout.write(
                    f"{violation.tenant or 'shared'}: {violation.check}: {violation.subject}: {violation.detail}"
                )
            self.stdout.write(
                f"{len(report.violations)} violations in {report.checks} checks over {report.tenants} storefronts"
            )
        if report.violations:
            sys.exit(1)
