import json
import sys

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from core.errors import DomainError
from services.import_services import import_products
from tenants.context import tenant_scope
from tenants.models import Tenant


def _show(bar, done, total):
    bar.total = total
    bar.update(done - bar.n)


class Command(BaseCommand):
    help = "Imports Shopify's product CSV into a storefront. All or nothing per product; running it twice changes nothing."

    def add_arguments(self, parser):
        parser.add_argument("slug", help="the storefront's slug")
        parser.add_argument("file", help="the CSV file")
        parser.add_argument("--dry-run", action="store_true", help="check and count, write nothing")
        parser.add_argument("--json", action="store_true", help="print the report as JSON")

    def handle(self, *, slug, file, dry_run, **options):
        tenant = Tenant.objects.filter(slug=slug).first()
        if tenant is None:
            raise CommandError(f"There is no storefront {slug!r}. Name one by the first part of its address.")
        try:
            with (
                open(file, "rb") as source,
                tenant_scope(tenant),
                tqdm(unit=" products", disable=not sys.stderr.isatty()) as bar,
            ):
                report = import_products(
                    source, dry_run=dry_run, on_progress=lambda done, total: _show(bar, done, total)
                )
        except (OSError, DomainError) as error:
            raise CommandError(error.sentence if isinstance(error, DomainError) else str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(report.as_json()))
        else:
            self._print(report)
        if report.rejected:
            sys.exit(1)

    def _print(self, report):
        for problem in report.problems:
            self.stderr.write(
                f"line {problem['line']}, {problem['column']}: {problem['message']} {problem['value']!r} ({problem['handle']})"
            )
        done = "would be " if report.is_dry_run else ""
        self.stdout.write(
            f"{report.created} products {done}created, {report.updated} {done}updated, {report.unchanged} unchanged, {report.rejected} rejected; "
            f"{report.variants} variants, {report.units} units, {report.images} images"
        )
