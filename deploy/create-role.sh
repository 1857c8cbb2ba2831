#!/bin/sh
# Runs once, when the database is created: the role that Souk runs as, the one that owns the shared tables, and the one
# that storefronts' roles are members of. None is a superuser.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$SOUK_DATABASE_PASSWORD" -v owner_password="$SOUK_OWNER_PASSWORD" \
  --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
CREATE ROLE souk_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE souk LOGIN CREATEROLE PASSWORD :'password';
CREATE ROLE souk_tenants NOLOGIN;
GRANT pg_monitor TO souk;
GRANT souk_tenants TO souk WITH ADMIN OPTION, INHERIT FALSE, SET FALSE;
CREATE DATABASE souk OWNER souk_owner;
SQL

# Who backs up: may copy everything, by network, and change nothing. Only where a password is given.
if [ -n "${SOUK_BACKUP_PASSWORD:-}" ]; then
  psql -v ON_ERROR_STOP=1 -v password="$SOUK_BACKUP_PASSWORD" --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
CREATE ROLE souk_backup LOGIN REPLICATION PASSWORD :'password';
SQL
  echo "host replication souk_backup all scram-sha-256" >>"$PGDATA/pg_hba.conf"
fi
