import json
import sys
from datetime import date, timedelta

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from core.errors import DomainError
from core.money import Money
from services.difference_services import explain_difference
from services.reconciliation_services import reconcile


class Command(BaseCommand):
    help = (
        "Compares the books with Stripe's balance transactions, both ways, and keeps what differs. Mends nothing. "
        "Exits with 1 where there are open differences."
    )

    def add_arguments(self, parser):
        parser.add_argument("--json", action="store_true")
        parser.add_argument(
            "--full", action="store_true", help="read all of Stripe again, not only what is new"
        )
        parser.add_argument("--since", type=date.fromisoformat, help="leave out days before YYYY-MM-DD (UTC)")
        parser.add_argument(
            "--grace-minutes", type=int, default=0, help="what is younger may be on one side only"
        )
        parser.add_argument(
            "--explain", type=int, metavar="ID", help="do not compare: say why this one stands"
        )
        parser.add_argument("--note", default="")

    def handle(self, **options):
        try:
            if options["explain"] is not None:
                explained = explain_difference(
                    difference_id=options["explain"], note=options["note"], actor_id=None
                )
                self.stdout.write(f"{explained} is explained: {explained.note}")
                return
            with tqdm(unit=" balance transactions", disable=not sys.stderr.isatty()) as bar:
                report = reconcile(
                    is_full=options["full"],
                    since=options["since"],
                    grace=timedelta(minutes=options["grace_minutes"]),
                    on_progress=lambda done: bar.update(done - bar.n),
                )
        except DomainError as error:
            raise CommandError(error.sentence) from error
        if options["json"]:
            self.stdout.write(json.dumps(report.as_json()))
        else:
            self._print(report)
        if report.open or any(report.ledger_sum.values()):
            sys.exit(1)

    def _print(self, report):
        for day in report.days:
            if day["open"] or day["explained"]:
                ours, theirs = (
                    self._amount(day[side], day["currency"]) for side in ("ours_minor", "theirs_minor")
                )
                self.stdout.write(
                    f"{day['day']} {day['currency']}: ours {ours}, Stripe's {theirs},"
                    f" {day['open']} open, {day['explained']} explained"
                )
        for row in report.differences:
            ours, theirs = (self._amount(each, row.currency) for each in (row.ours_minor, row.theirs_minor))
            self.stdout.write(
                f"#{row.pk} {row.kind}: {row.subject}: ours {ours}, Stripe's {theirs},"
                f" since {row.age_days(report.at)} days ({row.detail})"
            )
        if report.open > len(report.differences):
            self.stdout.write(f"and {report.open - len(report.differences)} more")
        if not report.has_balance:
            self.stdout.write("Stripe's balance kept moving: it was not compared")
        self.stdout.write(
            f"{report.open} open differences, {report.explained} explained, {report.solved} solved, in"
            f" {report.balance_transactions} balance transactions and {report.bookings} bookings"
        )

    @staticmethod
    def _amount(minor, currency):
        return "none" if minor is None else Money(minor, currency).format()
