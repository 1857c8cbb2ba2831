from django.db import migrations

from core.moves import guard_moves

MACHINES = {
    "payouts_payout": [
        "requested>sent",
        "unknown>sent",
        "sent>paid",
        "requested>failed",
        "unknown>failed",
        "requested>unknown",
    ],
}


class Migration(migrations.Migration):
    dependencies = [("payouts", "0003_ledger_guards")]
    operations = [migrations.RunSQL(*guard_moves("payouts_only_documented_moves", MACHINES))]
