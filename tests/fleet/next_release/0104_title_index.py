from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Beside what sells: not in a transaction."""

    atomic = False
    dependencies = [("shop", "0103_note_is_no_bad")]
    operations = [
        AddIndexConcurrently("product", models.Index(fields=["vendor", "note"], name="product_by_vendor"))
    ]
