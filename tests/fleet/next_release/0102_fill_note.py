from django.db import migrations


def fill(apps, schema_editor):
    Product = apps.get_model("shop", "Product")
    for product in Product.objects.filter(note=None):
        product.note = product.title[:40].upper()
        product.save(update_fields=["note"])


class Migration(migrations.Migration):
    dependencies = [("shop", "0101_note")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
