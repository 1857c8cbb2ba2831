import django.db.models.deletion
import django_fsm
from django.db import migrations, models

import core.ids
from core.moves import replace_moves

BEFORE = [
    "requested>active",
    "active>suspended",
    "suspended>active",
    "active>closed",
    "suspended>closed",
]
AFTER = [*BEFORE, "closed>suspended", "closed>erased", "erased>suspended"]


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0006_operations_and_support"),
    ]

    operations = [
        migrations.CreateModel(
            name="Archive",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=core.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("export", "Asked for by the seller"),
                            ("backup", "Made by the operator"),
                            ("farewell", "Made before the storefront was erased"),
                        ],
                        max_length=8,
                    ),
                ),
                ("file_name", models.CharField(max_length=200)),
                ("size_bytes", models.BigIntegerField()),
                ("sha256", models.CharField(max_length=64)),
                ("is_encrypted", models.BooleanField(default=False)),
                ("summary", models.JSONField(default=dict)),
                ("made_by", models.UUIDField(null=True)),
                ("made_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("removed_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="DomainClaim",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=core.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("domain", models.CharField(max_length=253)),
                ("token", models.CharField(max_length=64)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("checked_at", models.DateTimeField(null=True)),
                ("problem", models.CharField(blank=True, max_length=300)),
            ],
        ),
        migrations.CreateModel(
            name="Erasure",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=core.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("digest", models.CharField(max_length=64)),
                ("erased_on", models.DateField()),
            ],
        ),
        migrations.CreateModel(
            name="RetiredSchema",
            fields=[
                ("schema_name", models.CharField(max_length=63, primary_key=True, serialize=False)),
                ("retired_at", models.DateTimeField()),
                ("drop_after", models.DateTimeField()),
                ("is_unfinished", models.BooleanField(db_default=False, default=False)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="tenant",
            name="tenant_status_known",
        ),
        migrations.AddField(
            model_name="tenant",
            name="copied_from",
            field=models.UUIDField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="tenant",
            name="invoice_floor",
            field=models.IntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            model_name="tenant",
            name="erase_after",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="tenant",
            name="erased_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="tenant",
            name="is_staging",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.AddField(
            model_name="tenant",
            name="primary_domain",
            field=models.CharField(blank=True, db_default="", editable=False, max_length=253),
        ),
        migrations.AlterField(
            model_name="tenant",
            name="status",
            field=django_fsm.FSMField(
                choices=[
                    ("requested", "Requested"),
                    ("active", "Active"),
                    ("suspended", "Suspended"),
                    ("closed", "Closed"),
                    ("erased", "Erased"),
                ],
                default="requested",
                max_length=50,
                protected=True,
            ),
        ),
        migrations.AddConstraint(
            model_name="tenant",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["requested", "active", "suspended", "closed", "erased"])),
                name="tenant_status_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="tenant",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("erased_at__isnull", False), ("status", "erased")),
                    models.Q(models.Q(("status", "erased"), _negated=True), ("erased_at", None)),
                    _connector="OR",
                ),
                name="tenant_erased_has_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="tenant",
            constraint=models.CheckConstraint(
                condition=models.Q(("is_staging", False), ("copied_from__isnull", False), _connector="OR"),
                name="tenant_staging_has_source",
            ),
        ),
        migrations.AddField(
            model_name="archive",
            name="tenant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="archives", to="tenants.tenant"
            ),
        ),
        migrations.AddField(
            model_name="domainclaim",
            name="tenant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="domain_claims", to="tenants.tenant"
            ),
        ),
        migrations.AddField(
            model_name="erasure",
            name="tenant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="erasures", to="tenants.tenant"
            ),
        ),
        migrations.AddField(
            model_name="retiredschema",
            name="tenant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="retired_schemas",
                to="tenants.tenant",
            ),
        ),
        migrations.AddIndex(
            model_name="archive",
            index=models.Index(fields=["tenant", "-made_at"], name="archive_by_tenant"),
        ),
        migrations.AddIndex(
            model_name="archive",
            index=models.Index(
                condition=models.Q(("removed_at", None)), fields=["expires_at"], name="archive_expiry"
            ),
        ),
        migrations.AddConstraint(
            model_name="archive",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["export", "backup", "farewell"])), name="archive_kind_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="domainclaim",
            constraint=models.UniqueConstraint(fields=("tenant", "domain"), name="domain_claimed_once"),
        ),
        migrations.AddConstraint(
            model_name="domainclaim",
            constraint=models.CheckConstraint(
                condition=models.Q(("domain__regex", "^[a-z0-9.-]+$")), name="claim_lower_case"
            ),
        ),
        migrations.AddConstraint(
            model_name="erasure",
            constraint=models.UniqueConstraint(fields=("tenant", "digest"), name="erasure_once"),
        ),
        migrations.AddIndex(
            model_name="retiredschema",
            index=models.Index(fields=["drop_after"], name="retired_schema_expiry"),
        ),
        migrations.RunSQL(
            *replace_moves(
                "tenants_only_documented_moves", {"tenants_tenant": BEFORE}, {"tenants_tenant": AFTER}
            )
        ),
    ]
