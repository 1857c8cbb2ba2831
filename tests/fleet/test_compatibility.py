"""A migration runs while the release before still serves: it must not take away, rename or demand what that one does not know.

Checked by django-migration-linter's rules for PostgreSQL, over the SQL of every migration since the first release.
What is no longer used is dropped one release later, by a migration that says so: `was_unused_since = "<migration>"`.
"""

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection, migrations, models
from django.db.migrations.loader import MigrationLoader
from django_migration_linter.sql_analyser import PostgresqlAnalyser

# The last migrations of the first release: what came before never ran beside another one.
FIRST_RELEASE = {"core": "0001", "payouts": "0009", "shop": "0005", "tenants": "0003"}
OF_MARKED = {"DROP_COLUMN", "DROP_TABLE"}


def since_first_release() -> list[tuple[str, str]]:
    return [
        key
        for key in sorted(MigrationLoader(None).disk_migrations)
        if key[1][:4] > FIRST_RELEASE.get(key[0], "9999")
    ]


def refused(statements: list[str], *, is_marked: bool = False) -> set[str]:
    """Codes of the rules that a migration breaks."""
    analyser = PostgresqlAnalyser(OF_MARKED if is_marked else set())
    analyser.analyse([" ".join(statement.split()) for statement in statements])
    return {issue.code for issue in analyser.errors}


@pytest.mark.parametrize(("app", "name"), since_first_release(), ids=lambda part: part)
def test_the_release_before_can_live_beside_each_migration(db, capsys, app, name):
    call_command("sqlmigrate", app, name, no_color=True)
    statements = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("--")]
    migration = MigrationLoader(None).disk_migrations[app, name]
    assert refused(statements, is_marked=hasattr(migration, "was_unused_since")) == set()


def sql_of(*operations) -> list[str]:
    """What these do to the products as they are now."""
    state = MigrationLoader(connection).project_state()
    with connection.schema_editor(collect_sql=True, atomic=False) as editor:
        migration = migrations.Migration("0999_x", "shop")
        migration.operations = list(operations)
        migration.apply(state, editor, collect_sql=True)
    return [line for line in editor.collected_sql if not line.startswith("--")]


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        (migrations.AddField("product", "x", models.CharField(max_length=9, default="")), "NOT_NULL"),
        (
            migrations.AlterField("product", "vendor", models.CharField(max_length=9, null=True)),
            "ALTER_COLUMN",
        ),
        (migrations.RemoveField("product", "vendor"), "DROP_COLUMN"),
        (migrations.RenameField("product", "vendor", "maker"), "RENAME_COLUMN"),
        (migrations.RenameModel("Product", "Article"), "RENAME_TABLE"),
        (migrations.DeleteModel("ShippingRate"), "DROP_TABLE"),
        (
            migrations.AddConstraint("product", models.UniqueConstraint(fields=["title"], name="x")),
            "ADD_UNIQUE",
        ),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_what_the_release_before_cannot_live_beside_is_refused(tenant, operation, code):
    connection.set_tenant(tenant)
    assert code in refused(sql_of(operation))


@pytest.mark.parametrize(
    "operation",
    [
        migrations.AddField("product", "x", models.CharField(max_length=9, null=True)),
        migrations.AddField("product", "x", models.CharField(max_length=9, db_default="")),
        migrations.AddIndex("product", models.Index(fields=["vendor"], name="x")),
        migrations.AddConstraint("product", models.CheckConstraint(condition=~models.Q(title=""), name="x")),
        migrations.CreateModel("Bundle", [("id", models.BigAutoField(primary_key=True))]),
    ],
    ids=["a null", "a default of PostgreSQL's", "an index", "a check", "a table"],
)
def test_what_it_can_live_beside_is_not(tenant, operation):
    connection.set_tenant(tenant)
    assert refused(sql_of(operation)) == set()


def test_what_was_unused_may_be_dropped_by_a_migration_that_says_so():
    drop = ['ALTER TABLE "shop_product" DROP COLUMN "vendor" CASCADE;']
    assert refused(drop) == {"DROP_COLUMN"}
    assert refused(drop, is_marked=True) == set()


def test_every_app_with_tables_has_a_first_release():
    ours = {
        config.label
        for config in apps.get_app_configs()
        if config.name in ("core", "payouts", "shop", "tenants")
    }
    assert ours == set(FIRST_RELEASE)
