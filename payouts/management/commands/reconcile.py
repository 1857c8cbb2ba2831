import json
import sys

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from core.errors import DomainError
from services.reconciliation_services import reconcile


class Command(BaseCommand):
    help = "Compares the books with Stripe's balance transactions, both ways. Exits with 1 where they differ."

    def add_arguments(self, parser):
        parser.add_argument("--json", action="store_true")

    def handle(self, **options):
        try:
            with tqdm(unit=" balance transactions", disable=not sys.stderr.isatty()) as bar:
                report = reconcile(on_progress=lambda done: bar.update(done - bar.n))
        except DomainError as error:
            raise CommandError(error.sentence) from error
        if options["json"]:
            self.stdout.write(json.dumps(report.as_json()))
        else:
            for row in report.differences:
                self.stdout.write(
                    f"{row.kind}: {row.subject}: ours {row.ours_minor}, Stripe's {row.theirs_minor} {row.currency} {row.detail}"
                )
            self.stdout.write(
                f"{len(report.differences)} differences in {report.balance_transactions} balance transactions and {report.bookings} bookings"
            )
        if report.differences or any(report.ledger_sum.values()):
            sys.exit(1)
