from django.db import migrations

from core.moves import guard_moves, replace_moves

BEFORE = [
    "requested>sent",
    "unknown>sent",
    "sent>paid",
    "requested>failed",
    "unknown>failed",
    "requested>unknown",
]
AFTER = [
    *BEFORE,
    "sent>returned",
    "paid>returned",
    "returned>paid",
    "sent>reversed",
    "paid>reversed",
    "returned>reversed",
]


class Migration(migrations.Migration):
    dependencies = [("payouts", "0006_running_balances")]
    operations = [
        migrations.RunSQL(
            *replace_moves(
                "payouts_only_documented_moves", {"payouts_payout": BEFORE}, {"payouts_payout": AFTER}
            )
        ),
        migrations.RunSQL(
            *guard_moves(
                "payouts_reversal_moves", {"payouts_transferreversal": ["requested>made", "requested>failed"]}
            )
        ),
    ]
