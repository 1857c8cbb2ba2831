from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop", "0007_dashboard")]
    operations = [
        migrations.AddField("product", "note", models.CharField(max_length=40, null=True)),
        migrations.AddIndex("product", models.Index(fields=["note"], name="product_by_note")),
    ]
