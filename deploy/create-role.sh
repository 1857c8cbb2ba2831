#!/bin/sh
# Runs once, when the database is created: Souk's own role, which is no superuser, and its database.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$SOUK_DATABASE_PASSWORD" --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
CREATE ROLE souk LOGIN CREATEDB CREATEROLE PASSWORD :'password';
ALTER ROLE souk SET createrole_self_grant = 'set, inherit';
GRANT pg_monitor TO souk;
CREATE DATABASE souk OWNER souk;
SQL
