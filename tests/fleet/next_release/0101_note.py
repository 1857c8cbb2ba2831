from django.db import migrations, models


class Migration(migrations.Migration):
    """One column and one index: what most releases bring."""

    dependencies = [("shop", "0007_dashboard")]
    operations = [
        migrations.AddField("product", "note", models.CharField(max_length=40, null=True, db_index=False)),
        migrations.AddIndex("product", models.Index(fields=["note"], name="product_by_note")),
    ]
