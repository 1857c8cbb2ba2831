from django.db import migrations

from core.moves import guard_moves

MACHINES = {
    "shop_order": [
        "pending>confirmed",
        "confirmed>shipped",
        "shipped>delivered",
        "pending>cancelled",
        "confirmed>cancelled",
        "cancelled>confirmed",
    ],
    "shop_payment": [
        "pending>captured",
        "failed>captured",
        "voided>captured",
        "pending>failed",
        "pending>voided",
        "failed>voided",
    ],
    "shop_refund": ["requested>succeeded", "requested>failed", "succeeded>failed"],
}


class Migration(migrations.Migration):
    dependencies = [("shop", "0002_promotion_has_a_value")]
    operations = [migrations.RunSQL(*guard_moves("shop_only_documented_moves", MACHINES))]
