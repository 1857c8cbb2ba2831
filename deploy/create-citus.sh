#!/bin/sh
# Runs once on each node of a cluster, after create-role.sh: Citus in Souk's database, and the other nodes are let in.
set -eu
psql -v ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname souk -c "CREATE EXTENSION IF NOT EXISTS citus"
# The first rule that matches counts.
sed -i "1i host all all $CLUSTER_NETWORK trust" "$PGDATA/pg_hba.conf"
