#!/usr/bin/env bash
# The whole cluster as it was at a moment, into an empty data directory.
#
#   restore.sh DATA [--at '2026-11-28 23:10:00+00'] [--media DIR] [--timeline N]
#
# Without --at: as late as the repository goes. SOUK_BACKUP_DIR is the repository, SOUK_BACKUP_IDENTITY the file with the age
# key that opens it, SOUK_BACKUP_SPOOL (optional) where WAL came in last, if that survived. Run as the user who will run the
# server, or as root. Everything is decrypted and checked before the server starts; it sees no key.
#
# Then start the server on DATA: it replays until the moment and opens. It does not pause there to be looked at, because it would
# hold the locks of what was about to be committed, a DROP for one. The wrong moment: start over, into another directory.
set -euo pipefail
export LC_ALL=C
umask 077

usage() { sed -n '2,/^set/{/^#/s/^# \?//p}' "$0"; exit 2; }
fail() { echo "$1" >&2; exit 1; }

repository=${SOUK_BACKUP_DIR:?set SOUK_BACKUP_DIR: where backups are kept}
identity=${SOUK_BACKUP_IDENTITY:?set SOUK_BACKUP_IDENTITY: the file with the age key}
spool=${SOUK_BACKUP_SPOOL:-}
read -ra age <<<"${SOUK_AGE:-age}"
[ $# -gt 0 ] || usage
data=$1 at="" media="" timeline=latest
shift
while [ $# -gt 0 ]; do
  case $1 in
    --at) at=$2 ;;
    --media) media=$2 ;;
    --timeline) timeline=$2 ;;
    *) usage ;;
  esac
  shift 2
done
moment=$(date -u -d "${at:-now}" +%s) || fail "$at is no moment: write 2026-11-28 23:10:00+00"
[ -z "$(ls -A "$data" 2>/dev/null)" ] || fail "$data is not empty: restore into a new directory"

decrypt() { "${age[@]}" -d -i "$identity" <"$1"; }

# The last base backup that was complete by then: its full one and the incremental ones up to it.
chain=()
while read -r name; do
  [[ ${name%%-*} > $(date -u -d "@$moment" +%Y%m%dT%H%M%SZ) ]] && break
  [[ $name == *-full ]] && chain=()
  chain+=("$name")
done < <(find "$repository/base" -mindepth 2 -name manifest -printf '%h\n' | sed 's|.*/||' | sort)
[ "${#chain[@]}" -gt 0 ] || fail "no base backup in $repository is as old as that"

parts=()
mkdir -p "$data"
chmod 700 "$data"
draft=$data.parts
trap 'rm -rf "$draft"' EXIT
for name in "${chain[@]}"; do
  part=$draft/$name
  mkdir -p "$part"
  decrypt "$repository/base/$name/base.tar.gz.age" | gzip -dc | tar -x -C "$part" || fail "base/$name is damaged or not for this key"
  pg_verifybackup --no-parse-wal --quiet "$part" || fail "base/$name is not what PostgreSQL backed up"
  parts+=("$part")
  owner=$(stat -c %u:%g "$part/PG_VERSION")
done
if [ "${#parts[@]}" -gt 1 ]; then
  # It warns that linked files must not be written to in both places; the parts go away.
  pg_combinebackup --link --output="$data" "${parts[@]}"
else
  mv "$draft/${chain[0]}"/* "$data"
fi

# WAL from there on until a little after the moment, and what had not been shipped. Mostly zeros are kept as holes.
mkdir "$data/restore_wal"
first=$(sed -nE 's/^START WAL LOCATION: .*\(file ([0-9A-F]{24})\)$/\1/p' "$data/backup_label")
while read -r file; do
  name=$(basename "$file" .gz.age)
  [[ $name == *.history || ! ${name:8} < ${first:8} ]] || continue
  decrypt "$file" | gzip -dc | dd conv=sparse bs=64k status=none of="$data/restore_wal/$name" || fail "wal/$name is damaged or not for this key"
  [[ $name == *.history ]] || (($(stat -c %Y "$file") <= moment + 300)) || break
done < <(find "$repository/wal" -name '*.gz.age' | sort)
if [ -n "$spool" ]; then
  for file in "$spool"/????????????????????????{,.partial}; do
    [ ! -e "$file" ] || cp --sparse=always "$file" "$data/restore_wal/$(basename "$file" .partial)"
  done
fi

if [ -n "$media" ]; then
  mkdir -p "$media"
  umask 022
  # What was written by then, unless it was gone by then. Of that very second all is kept: a file too many does no harm.
  find "$repository/media" -name '*.age' ! -newermt "@$((moment + 1))" -printf '%P\n' | sed 's/\.age$//' | while read -r name; do
    gone=$repository/media/$name.gone
    if [ -e "$gone" ] && (($(stat -c %Y "$gone") < moment)); then continue; fi
    mkdir -p "$(dirname "$media/$name")"
    decrypt "$repository/media/$name.age" >"$media/$name" || fail "media/$name is damaged or not for this key"
    touch -r "$repository/media/$name.age" "$media/$name"
  done
fi

{
  echo "restore_command = 'cp restore_wal/%f \"%p\"'"
  echo "recovery_end_command = 'rm -rf restore_wal'"
  echo "recovery_target_timeline = '$timeline'"
  [ -z "$at" ] || echo "recovery_target_time = '$(date -u -d "$at" '+%Y-%m-%d %H:%M:%S.%6N+00')'"
  [ -z "$at" ] || echo "recovery_target_action = 'promote'"
} >>"$data/postgresql.auto.conf"
touch "$data/recovery.signal"
if [ "$(id -u)" = 0 ]; then
  chown -R "$owner" "$data"
  [ -z "$media" ] || chown -R --reference="$media" "$media"
fi
echo "$data: base/${chain[-1]} and $(find "$data/restore_wal" -type f | wc -l) WAL files, until ${at:-the end}. Start the server on it."
