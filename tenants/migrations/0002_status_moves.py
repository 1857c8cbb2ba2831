from django.db import migrations

from core.moves import guard_moves

MACHINES = {
    "tenants_tenant": [
        "requested>active",
        "active>suspended",
        "suspended>active",
        "active>closed",
        "suspended>closed",
    ],
}


class Migration(migrations.Migration):
    dependencies = [("tenants", "0001_initial")]
    operations = [migrations.RunSQL(*guard_moves("tenants_only_documented_moves", MACHINES))]
