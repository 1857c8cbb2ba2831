"""What the marketplace keeps of a sale."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from django.conf import settings
from django.db import connection

from core.money import percent_of, split_minor
from payouts.models import FeeBearer
from tenants.models import Tenant


@dataclass(frozen=True)
class Commission:
    """A rule as it is frozen on an order."""

    basis_points: int
    fixed_minor: int
    fee_bearer: str

    def as_json(self) -> dict[str, int | str]:
        """How the order keeps it."""
        return asdict(self)

    def of(self, base_minor: int) -> int:
        """The commission on what the lines cost after discounts. Never more than that, never below zero."""
        return max(0, min(base_minor, percent_of(max(base_minor, 0), self.basis_points) + self.fixed_minor))

    def percentage_part(self, base_minor: int) -> int:
        """The part that is given back in proportion when money is refunded; the fixed part is kept."""
        return min(self.of(base_minor), percent_of(max(base_minor, 0), self.basis_points))


FIRST_RULE = """
SELECT basis_points, fixed_minor, fee_bearer FROM public.payouts_commissionrule
 WHERE is_active AND (tenant_id = %s OR tenant_id IS NULL) AND currency IN (%s, '') ORDER BY position, id LIMIT 1
"""


def commission_for(*, tenant: Tenant | None, currency: str) -> Commission:
    """The rule for a new order: the first active one that names this tenant or everybody, in the operator's order.

    Without a tenant: what a new seller starts with.
    """
    with connection.cursor() as cursor:
        cursor.execute(FIRST_RULE, [tenant.pk if tenant else None, currency])
        row = cursor.fetchone()
    if row is None:
        return Commission(settings.COMMISSION_BASIS_POINTS, settings.COMMISSION_FIXED_MINOR, FeeBearer.SELLER)
    return Commission(*row)


def share_commission(total_minor: int, line_bases: Sequence[int]) -> list[int]:
    """Each line's part; the parts sum to the whole."""
    return split_minor(total_minor, line_bases)


def commission_on_refund(
    *, rule: dict, base_minor: int, order_total_minor: int, refunded_minor: int, returned_before_minor: int
) -> int:
    """Commission given back with a refund that brings the order's refunds to `refunded_minor` in all.

    The percentage part is returned in proportion, half up over all refunds together, less what was returned before;
    so the last refund leaves exactly the fixed part, however the refunds were cut.
    """
    part = Commission(rule["basis_points"], rule["fixed_minor"], rule["fee_bearer"]).percentage_part(
        base_minor
    )
    return (2 * part * refunded_minor + order_total_minor) // (2 * order_total_minor) - returned_before_minor
