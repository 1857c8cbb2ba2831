import django.db.models.deletion
import django_fsm
from django.db import migrations, models

from core.moves import guard_moves

MOVES = ["open>explained", "open>solved", "explained>solved", "solved>open", "explained>open"]


class Migration(migrations.Migration):
    dependencies = [
        ("payouts", "0007_more_moves"),
    ]

    operations = [
        migrations.CreateModel(
            name="StripeTransaction",
            fields=[
                ("id", models.CharField(max_length=80, primary_key=True, serialize=False)),
                ("type", models.CharField(max_length=60)),
                ("source", models.CharField(blank=True, max_length=120)),
                ("amount_minor", models.BigIntegerField()),
                ("fee_minor", models.BigIntegerField()),
                ("net_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("created", models.DateTimeField()),
                ("available_on", models.DateTimeField()),
                ("key", models.CharField(blank=True, max_length=160)),
                ("read_at", models.DateTimeField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["created"], name="stripe_tx_by_time"),
                    models.Index(fields=["key"], name="stripe_tx_by_key"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Difference",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("only_at_stripe", "Only At Stripe"),
                            ("only_in_our_books", "Only In Our Books"),
                            ("amount_differs", "Amount Differs"),
                            ("not_booked_by_souk", "Not Booked By Souk"),
                            ("balance_differs", "Balance Differs"),
                        ],
                        max_length=20,
                    ),
                ),
                ("subject", models.CharField(max_length=160)),
                ("currency", models.CharField(max_length=3)),
                ("day", models.DateField()),
                ("ours_minor", models.BigIntegerField(null=True)),
                ("theirs_minor", models.BigIntegerField(null=True)),
                ("detail", models.CharField(blank=True, max_length=300)),
                ("first_seen_at", models.DateTimeField()),
                ("last_seen_at", models.DateTimeField()),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[("open", "Open"), ("explained", "Explained"), ("solved", "Solved")],
                        db_column="status",
                        default="open",
                        max_length=50,
                        protected=True,
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=300)),
                ("explained_by", models.UUIDField(null=True)),
                ("solved_at", models.DateTimeField(null=True)),
                (
                    "solved_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="payouts.ledgertransaction",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["state", "-first_seen_at", "-id"], name="difference_by_state")
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("kind", "subject", "currency"), name="difference_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "kind__in",
                                [
                                    "only_at_stripe",
                                    "only_in_our_books",
                                    "amount_differs",
                                    "not_booked_by_souk",
                                    "balance_differs",
                                ],
                            )
                        ),
                        name="difference_kind_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["open", "explained", "solved"])),
                        name="difference_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "explained"), _negated=True),
                            models.Q(("note", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="difference_explained_has_note",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("solved_at__isnull", False), ("state", "solved")),
                            models.Q(
                                models.Q(("state", "solved"), _negated=True),
                                ("solved_at", None),
                                ("solved_by", None),
                            ),
                            _connector="OR",
                        ),
                        name="difference_solved_has_time",
                    ),
                ],
            },
            bases=(django_fsm.FSMModelMixin, models.Model),
        ),
        migrations.RunSQL(*guard_moves("payouts_difference_moves_only", {"payouts_difference": MOVES})),
    ]
