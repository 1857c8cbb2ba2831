"""The register of what columns say of people."""

import pytest
from django.db import connection

from services.personal_data import PERSONAL_DATA, Kind, columns_that_could_tell

# As PostgreSQL knows them: whatever the models call it, these types can say something of somebody.
COLUMNS = """
SELECT table_name, column_name FROM information_schema.columns
 WHERE table_schema = current_schema() AND table_name LIKE 'shop%' AND is_generated = 'NEVER'
   AND data_type IN ('text', 'character varying', 'json', 'jsonb', 'uuid', 'inet', 'bytea', 'ARRAY')
   AND (table_name, column_name) NOT IN (
     SELECT k.table_name, k.column_name FROM information_schema.key_column_usage k
       JOIN information_schema.table_constraints c USING (constraint_schema, constraint_name)
      WHERE c.constraint_type = 'FOREIGN KEY' AND k.table_schema = current_schema())
"""


def test_every_column_of_the_models_is_classified():
    assert {table: set(columns) for table, columns in PERSONAL_DATA.items()} == columns_that_could_tell()


@pytest.mark.usefixtures("serving")
def test_every_column_that_postgresql_has_is_classified():
    with connection.cursor() as cursor:
        cursor.execute(COLUMNS)
        found = set(cursor.fetchall())

    assert found == {(table, name) for table, columns in PERSONAL_DATA.items() for name in columns}


def test_columns_whose_name_says_so_are_not_passed_over():
    telling = {
        "email": Kind.EMAIL,
        "phone": Kind.PHONE,
        "buyer_id": Kind.ACCOUNT,
        "actor_id": Kind.ACCOUNT,
        "gateway_response": Kind.GATEWAY,
    }
    for columns in PERSONAL_DATA.values():
        assert all(columns.get(name, kind) is kind for name, kind in telling.items())
