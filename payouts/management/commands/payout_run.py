import json
import sys
from collections.abc import Iterator
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from core.errors import DomainError
from core.money import Money
from payouts.models import Payout, SellerAccount
from services.payout_services import preview_payouts, run_payouts
from tenants.models import Tenant

AT_ONCE = 100  # sellers between two moves of the progress bar


class Command(BaseCommand):
    help = "Requests a payout for every seller with enough available, or for one. The workers make the transfers."

    def add_arguments(self, parser):
        parser.add_argument("--tenant", default="", help="only this storefront's slug")
        parser.add_argument(
            "--due", action="store_true", help="only sellers whose schedule names today, once a day"
        )
        parser.add_argument(
            "--preview", action="store_true", help="show what would be paid and why not; write nothing"
        )
        parser.add_argument("--json", action="store_true")

    def handle(self, *, tenant, preview, due, **options):
        sellers = list(self._sellers(tenant))
        if preview:
            self._preview(sellers, as_json=options["json"])
            return
        made: list[Payout] = []
        try:
            with tqdm(total=len(sellers), unit=" sellers", disable=not sys.stderr.isatty()) as bar:
                for start in range(0, len(sellers), AT_ONCE):
                    some = sellers[start : start + AT_ONCE]
                    made += run_payouts(tenant_ids=some, only_due=due)
                    bar.update(len(some))
        except DomainError as error:
            raise CommandError(
                f"{error.sentence} ({len(made)} payouts were requested before; run it again)"
            ) from error
        if options["json"]:
            self.stdout.write(json.dumps({"payouts": [as_json(payout) for payout in made]}))
            return
        for payout in made:
            self.stdout.write(f"{payout.tenant.slug}: {payout.amount_minor} {payout.currency} requested")
        self.stdout.write(f"{len(made)} payouts requested")

    def _preview(self, sellers: list[UUID], *, as_json: bool) -> None:
        try:
            plans = preview_payouts(tenant_ids=sellers)
        except DomainError as error:
            raise CommandError(error.sentence) from error
        rows = [
            {
                "tenant": str(plan.account.tenant_id),
                "currency": plan.currency,
                "available_minor": plan.available_minor,
                "amount_minor": plan.amount_minor,
                "reason": plan.reason,
            }
            for plan in plans
        ]
        if as_json:
            self.stdout.write(json.dumps({"plans": rows}))
            return
        for plan in plans:
            name, available = plan.account.tenant.slug, Money(plan.available_minor, plan.currency).format()
            amount = Money(plan.amount_minor, plan.currency).format()
            self.stdout.write(f"{name}: {available} available, " + (plan.reason or f"{amount} would be paid"))
        self.stdout.write(f"{sum(1 for plan in plans if plan.amount_minor)} payouts would be requested")

    @staticmethod
    def _sellers(slug: str) -> Iterator[UUID]:
        """Whom to look at, the oldest storefront first."""
        if not slug:
            accounts = SellerAccount.objects.exclude(stripe_account_id=None)
            yield from accounts.order_by("tenant__created_at").values_list("tenant_id", flat=True)
            return
        found = Tenant.objects.filter(slug=slug).values_list("pk", flat=True).first()
        if found is None:
            raise CommandError(f"There is no storefront {slug!r}.")
        yield found


def as_json(payout: Payout) -> dict[str, str | int]:
    """One payout, for machines."""
    return {
        "payout": str(payout.pk),
        "tenant": str(payout.tenant_id),
        "amount_minor": payout.amount_minor,
        "currency": payout.currency,
    }
