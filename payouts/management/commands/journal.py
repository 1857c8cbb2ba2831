import sys
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from services.journal_services import Period, journal_beancount, journal_csv
from tenants.models import Tenant

FORMATS = {"csv": journal_csv, "beancount": journal_beancount}


class Command(BaseCommand):
    help = "Writes the books for the accountant: every ledger entry as CSV, or as a beancount file with its balances."

    def add_arguments(self, parser):
        parser.add_argument("--format", choices=FORMATS, default="csv")
        parser.add_argument("--since", default="", help="first day, YYYY-MM-DD (UTC)")
        parser.add_argument("--until", default="", help="last day, YYYY-MM-DD (UTC)")
        parser.add_argument("--tenant", default="", help="only what concerns this storefront's slug")
        parser.add_argument("--output", default="", help="a file; by default the standard output")

    def handle(self, *, since, until, tenant, output, **options):
        period = Period(self._day(since), self._day(until), self._tenant(tenant))
        if period.since and period.until and period.until < period.since:
            raise CommandError("--until is before --since.")
        write = FORMATS[options["format"]]
        with ExitStack() as stack:
            bar = stack.enter_context(tqdm(unit=" written", disable=not sys.stderr.isatty()))
            out: Any = self.stdout
            if output:
                out = stack.enter_context(Path(output).open("w", encoding="utf-8", newline=""))
            write(out, period, on_progress=lambda done: bar.update(done - bar.n))

    @staticmethod
    def _day(text: str) -> date | None:
        try:
            return date.fromisoformat(text) if text else None
        except ValueError as error:
            raise CommandError(f"{text!r} is not a day such as 2026-11-23.") from error

    @staticmethod
    def _tenant(slug: str):
        if not slug:
            return None
        found = Tenant.objects.filter(slug=slug).values_list("pk", flat=True).first()
        if found is None:
            raise CommandError(f"There is no storefront {slug!r}.")
        return found
