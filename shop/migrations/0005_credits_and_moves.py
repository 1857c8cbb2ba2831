"""Authorised payments may move; refunds made before are shared out over the lines they were of."""

from django.db import migrations

from core.money import percent_of, split_minor
from core.moves import replace_moves

BEFORE = [
    "pending>captured",
    "failed>captured",
    "voided>captured",
    "pending>failed",
    "pending>voided",
    "failed>voided",
]
AFTER = [*BEFORE, "pending>authorised", "failed>authorised", "authorised>captured", "authorised>voided"]
SHARES = ("goods", "shipping", "tax")


def fill_credits(apps, schema_editor):
    """Each line learns what of its commission can be returned, and what earlier refunds took of it."""
    models = {name: apps.get_model("shop", name) for name in ("Order", "OrderLine", "Refund", "CreditLine")}
    for order in models["Order"].objects.iterator(chunk_size=500):
        lines = list(models["OrderLine"].objects.filter(order=order).order_by("position"))
        bases = [line.subtotal_minor - line.discount_minor for line in lines]
        percentage = percent_of(sum(bases), order.commission_rule.get("basis_points", 0))
        parts = split_minor(min(percentage, order.commission_minor), bases)
        for line, part in zip(lines, parts, strict=True):
            line.commission_returnable_minor = min(part, line.commission_minor)
        refunds = models["Refund"].objects.filter(order=order).exclude(status="failed").order_by("created_at")
        for refund in refunds:
            _credit(models["CreditLine"], lines, refund)
        models["OrderLine"].objects.bulk_update(
            lines,
            ["commission_returnable_minor", "credited_commission_minor"]
            + [f"credited_{share}_minor" for share in SHARES],
        )


def _credit(credit_line, lines, refund):
    left = [
        (line, share, _share(line, share) - getattr(line, f"credited_{share}_minor"))
        for line in lines
        for share in SHARES
    ]
    parts = split_minor(min(refund.amount_minor, sum(row[2] for row in left)), [row[2] for row in left])
    returnable = [line.commission_returnable_minor - line.credited_commission_minor for line in lines]
    commissions = split_minor(min(refund.commission_returned_minor, sum(returnable)), returnable)
    taken = {line.pk: dict.fromkeys(SHARES, 0) for line in lines}
    for (line, share, _), part in zip(left, parts, strict=True):
        taken[line.pk][share] = part
    for line, commission in zip(lines, commissions, strict=True):
        for share, part in taken[line.pk].items():
            setattr(line, f"credited_{share}_minor", getattr(line, f"credited_{share}_minor") + part)
        line.credited_commission_minor += commission
        credit_line.objects.create(
            order_line=line,
            refund=refund,
            kind="refund",
            source=str(refund.pk),
            commission_minor=commission,
            commission_tax_minor=0,
            funded_minor=0,
            **{f"{share}_minor": part for share, part in taken[line.pk].items()},
        )


def _share(line, share):
    return line.subtotal_minor - line.discount_minor if share == "goods" else getattr(line, f"{share}_minor")


class Migration(migrations.Migration):
    dependencies = [("shop", "0004_money_by_line")]
    operations = [
        migrations.RunSQL(
            *replace_moves("shop_only_documented_moves", {"shop_payment": BEFORE}, {"shop_payment": AFTER})
        ),
        migrations.RunPython(fill_credits, migrations.RunPython.noop, elidable=True),
    ]
