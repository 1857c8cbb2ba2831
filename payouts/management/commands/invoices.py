import json
from datetime import datetime

from django.core.management.base import BaseCommand, CommandError

from core.errors import DomainError
from services.invoice_services import issue_invoices


class Command(BaseCommand):
    help = "Issues the invoices of a month's commission to all sellers that have none of it yet."

    def add_arguments(self, parser):
        parser.add_argument(
            "--month", default="", help="YYYY-MM; by default the last month that is over (UTC)"
        )
        parser.add_argument("--json", action="store_true")

    def handle(self, *, month, **options):
        try:
            day = datetime.strptime(month, "%Y-%m").date() if month else None  # noqa: DTZ007 - a month, no moment
        except ValueError as error:
            raise CommandError(f"{month!r} is not a month such as 2026-10.") from error
        try:
            made = issue_invoices(month=day)
        except DomainError as error:
            raise CommandError(error.sentence) from error
        if options["json"]:
            rows = [
                {"number": row.number, "tenant": str(row.tenant_id), "total_minor": row.total_minor}
                for row in made
            ]
            self.stdout.write(json.dumps({"invoices": rows}))
            return
        for row in made:
            self.stdout.write(f"{row.number}: {row.seller['name']}: {row.total_minor} {row.currency}")
        self.stdout.write(f"{len(made)} invoices issued")
