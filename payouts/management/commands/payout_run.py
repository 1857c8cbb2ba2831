import json

from django.core.management.base import BaseCommand, CommandError

from core.errors import DomainError
from services.payout_services import run_payouts
from tenants.models import Tenant


class Command(BaseCommand):
    help = "Requests a payout for every seller with enough available, or for one. The workers make the transfers."

    def add_arguments(self, parser):
        parser.add_argument("--tenant", default="", help="only this storefront's slug")
        parser.add_argument("--json", action="store_true")

    def handle(self, *, tenant, **options):
        only = None
        if tenant:
            only = list(Tenant.objects.filter(slug=tenant).values_list("pk", flat=True))
            if not only:
                raise CommandError(f"There is no storefront {tenant!r}.")
        try:
            made = run_payouts(tenant_ids=only)
        except DomainError as error:
            raise CommandError(error.sentence) from error
        if options["json"]:
            rows = [
                {
                    "payout": str(p.pk),
                    "tenant": str(p.tenant_id),
                    "amount_minor": p.amount_minor,
                    "currency": p.currency,
                }
                for p in made
            ]
            self.stdout.write(json.dumps({"payouts": rows}))
            return
        for payout in made:
            self.stdout.write(f"{payout.tenant.slug}: {payout.amount_minor} {payout.currency} requested")
        self.stdout.write(f"{len(made)} payouts requested")
