#!/bin/sh
# join-nodes.sh WORKER...: tell the coordinator about itself and its workers. May be run again, with more of them.
set -eu
ask() { psql -v ON_ERROR_STOP=1 --no-psqlrc --quiet --host coordinator --username postgres --dbname souk --command "$1"; }
ask "SELECT citus_set_coordinator_host('coordinator', 5432)"
for worker in "$@"; do
  ask "SELECT citus_add_node('$worker', 5432)"
done
ask "SELECT nodename, nodeport, shouldhaveshards FROM pg_dist_node ORDER BY nodeid"
