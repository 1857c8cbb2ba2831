from django.db import migrations, models


class Migration(migrations.Migration):
    """A constraint that some storefronts' rows may break."""

    dependencies = [("shop", "0102_fill_note")]
    operations = [
        migrations.AddConstraint(
            "product",
            models.CheckConstraint(condition=~models.Q(note="BAD"), name="product_note_is_not_bad"),
        )
    ]
