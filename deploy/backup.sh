#!/usr/bin/env bash
# Backups of the whole: PostgreSQL's cluster to any moment, and the media files that its rows name.
#
#   backup.sh run                     all of it, for ever; what the service does
#   backup.sh base full|incremental   one base backup; incremental: what changed since the last one
#   backup.sh daily                   a base backup, then expire
#   backup.sh ship                    media files, then closed WAL segments, into the repository
#   backup.sh expire                  what is older than SOUK_BACKUP_DAYS goes
#   backup.sh check                   exit status 1 unless any moment since the last base backup can be restored; quick
#   backup.sh verify                  every file of the repository against its checksum; reads all of it
#
# Whatever is in the repository is encrypted for SOUK_ARCHIVE_RECIPIENTS (age public keys, comma separated); this machine
# cannot read it again. Files never change once they are there, so that rclone or rsync may copy them away at any time.
# PGHOST, PGUSER and PGPASSWORD say where the server is and who may replicate it. The server needs summarize_wal=on and
# archive_timeout: that is how old what is not in the repository may be.
set -euo pipefail
export LC_ALL=C

repository=${SOUK_BACKUP_DIR:?set SOUK_BACKUP_DIR: where backups are kept}
spool=${SOUK_BACKUP_SPOOL:-/var/lib/souk-backup}   # WAL as it comes in; plain, so on this machine only
media=${MEDIA_ROOT:-}
days=${SOUK_BACKUP_DAYS:-35}
full_every_days=${SOUK_BACKUP_FULL_DAYS:-7}
slot=${SOUK_BACKUP_SLOT:-souk_backup}
read -ra age <<<"${SOUK_AGE:-age}"
IFS=, read -ra keys <<<"${SOUK_ARCHIVE_RECIPIENTS:?set SOUK_ARCHIVE_RECIPIENTS: backups are not made for everybody to read}"
recipients=()
for key in "${keys[@]}"; do recipients+=(-r "$key"); done

# publish TARGET LIKE COMMAND...: what COMMAND prints, encrypted, as TARGET, with the time of the file LIKE. All or nothing.
publish() {
  local target=$1 like=$2 draft=$repository/tmp/$BASHPID
  shift 2
  "$@" | "${age[@]}" "${recipients[@]}" >"$draft"
  [ -z "$like" ] || touch -r "$like" "$draft"
  sync "$draft"
  mkdir -p "$(dirname "$repository/$target")"
  local sum
  sum=$(sha256sum <"$draft")
  mv "$draft" "$repository/$target"
  locked add_sum "${sum%% *}  $target"
}

locked() { (flock 8 && "$@") 8>"$repository/lock"; }
add_sum() { echo "$1" >>"$repository/SUMS"; }

bases() { find "$repository/base" -mindepth 2 -name manifest -printf '%h\n' | sed 's|.*/||' | sort; }

# The WAL segment that a base backup begins with, from "Timeline": 1, "Start-LSN": "0/2000028".
first_segment() {
  local timeline high low
  read -r timeline high low < <(sed -nE 's|.*"Timeline": ([0-9]+), "Start-LSN": "([0-9A-F]+)/([0-9A-F]+)".*|\1 \2 \3|p' \
    "$repository/base/$1/manifest" | head -n 1)
  printf '%08X%08X%08X\n' "$timeline" "0x$high" "$((0x$low >> 24))"
}

base() {
  local kind=$1 draft name last reader options
  options=(--pgdata=- --format=tar --wal-method=none --checkpoint=fast)
  if [ "$kind" = incremental ]; then
    last=$(bases | tail -n 1)
    options+=(--incremental="$repository/base/${last:?there is none to build on: base full}/manifest")
  fi
  exec 9>"$repository/base.lock"
  flock 9
  draft=base.draft   # of one that was interrupted, nothing stays
  rm -rf "${repository:?}/$draft"
  locked sed -i "\|  $draft/|d" "$repository/SUMS"
  mkdir "$repository/$draft"
  # The manifest stays readable: names and checksums, which the next incremental backup asks for. It is inside as well.
  mkfifo "$repository/$draft/copy"
  tar -xOf "$repository/$draft/copy" backup_manifest >"$repository/$draft/manifest" &
  reader=$!
  publish "$draft/base.tar.gz.age" "" stream_base "$repository/$draft/copy" "${options[@]}"
  wait "$reader"
  rm "$repository/$draft/copy"
  name=$(date -u -d '+1 second' +%Y%m%dT%H%M%SZ)-$kind   # when it was complete, rounded up
  locked sed -i "s|  $draft/|  base/$name/|" "$repository/SUMS"
  mv "$repository/$draft" "$repository/base/$name"
  echo "base/$name: $(du -sh "$repository/base/$name" | cut -f 1)"
}

stream_base() { PGOPTIONS='-c client_min_messages=warning' pg_basebackup "${@:2}" | tee "$1" | gzip -1; }

# Media first: whatever file a row in these segments names was written before the row was.
ship() {
  local segments=() segment
  mapfile -t segments < <(find "$spool" -maxdepth 1 -type f -regextype egrep -regex '.*/([0-9A-F]{24}|[0-9A-F]{8}\.history)' | sort)
  [ -z "$media" ] || ship_media
  for segment in "${segments[@]}"; do
    publish "wal/$(basename "$segment").gz.age" "$segment" gzip -1 -c "$segment"
    rm "$segment"
  done
  touch "$repository/shipped"
}

ship_media() {
  local name
  mkdir -p "$repository/media"
  comm -23 <(find "$media" -type f -printf '%T@\t%P\n' | sort) \
    <(find "$repository/media" -name '*.age' -printf '%T@\t%P\n' | sed 's/\.age$//' | sort) | cut -f 2- |
    while read -r name; do
      # Gone already, or still being written: the next round sees it as it is then.
      [ ! -e "$media/$name" ] || publish "media/$name.age" "$media/$name" cat "$media/$name"
      rm -f "$repository/media/$name.gone"
    done
  # A file that is gone is kept as long as the backups whose rows name it.
  comm -13 <(find "$media" -type f -printf '%P\n' | sort) \
    <(find "$repository/media" -name '*.age' -printf '%P\n' | sed 's/\.age$//' | sort) |
    while read -r name; do
      [ -e "$repository/media/$name.gone" ] || touch "$repository/media/$name.gone"
    done
}

# A full backup goes with the incremental ones built on it. The newest stays until there is a newer one.
expire() {
  local limit name is_kept=yes newest gone
  limit=$(date -u -d "-$days days" +%Y%m%dT%H%M%SZ)
  newest=$(bases | grep -- -full | tail -n 1)
  while read -r name; do
    if [[ $name == *-full ]]; then
      is_kept=yes
      if [[ $name < $limit && $name != "$newest" ]]; then is_kept=no; fi
    fi
    if [ "$is_kept" = no ]; then
      rm -r "${repository:?}/base/$name"
      echo "base/$name: expired"
    fi
  done < <(bases)
  pg_archivecleanup -x .gz.age "$repository/wal" "$(first_segment "$(bases | head -n 1)")"
  if [ -d "$repository/media" ]; then
    find "$repository/media" -name '*.gone' -mtime "+$days" | while read -r gone; do
      rm -f "${gone%.gone}.age" "$gone"
    done
    find "$repository/media" -mindepth 1 -type d -empty -delete
  fi
  locked forget_sums
}

# SUMS without the files that expired and with one line for each that is left: the newest.
forget_sums() {
  local sum name
  tac "$repository/SUMS" | sort -u -s -k 2 | while read -r sum name; do
    [ ! -e "$repository/$name" ] || echo "$sum  $name"
  done >"$repository/tmp/SUMS"
  mv "$repository/tmp/SUMS" "$repository/SUMS"
}

check() {
  local newest oldest latest segment number before="" timeline_before="" faults=0
  newest=$(bases | tail -n 1)
  fault() { echo "$1" >&2; faults=1; }
  if [ -z "$newest" ]; then
    fault "there is no base backup yet"
  else
    [[ $newest > $(date -u -d "-2 days" +%Y%m%dT%H%M%SZ) ]] || fault "the last base backup is of $newest"
    oldest=$(first_segment "$(bases | head -n 1)")
    latest=$(first_segment "$newest")
    [ -e "$repository/wal/$latest.gz.age" ] || fault "base/$newest has no WAL yet to become consistent with"
    while read -r segment; do
      [[ ${segment:8} < ${oldest:8} ]] && continue
      number=$((16#${segment:8:8} * 256 + 16#${segment:16:8}))
      if [ -n "$before" ] && ((number != before + 1)) && [ "${segment:0:8}" = "$timeline_before" ]; then
        # Before the newest base backup it is past mending: what can be restored ends there and begins again.
        if [[ ${segment:8} > ${latest:8} ]]; then
          fault "WAL is missing before $segment"
        else
          echo "no moment just before $segment can be restored"
        fi
      fi
      before=$number timeline_before=${segment:0:8}
    done < <(find "$repository/wal" -name '*.gz.age' -printf '%f\n' | sed 's/\.gz\.age$//' | grep -E '^[0-9A-F]{24}$' | sort)
  fi
  [ -n "$(find "$repository/shipped" -mmin -10 2>/dev/null)" ] || fault "nothing was shipped for ten minutes"
  return "$faults"
}

verify() {
  tac "$repository/SUMS" | sort -u -s -k 2 | (cd "$repository" && sha256sum --check --quiet --strict -)
}

# The server keeps its summaries for ten days; without them there is nothing to build on.
daily() {
  local full
  full=$(bases | grep -- -full | tail -n 1 || true)
  if [[ $full < $(date -u -d "-$full_every_days days" +%Y%m%dT%H%M%SZ) ]]; then
    "$0" base full
  else
    "$0" base incremental || "$0" base full
  fi
  expire
}

run() {
  local receiver making=""
  mkdir -p "$spool"
  chmod 700 "$spool"
  rm -f "$repository"/tmp/*
  pg_receivewal --directory="$spool" --slot="$slot" --create-slot --if-not-exists
  pg_receivewal --directory="$spool" --slot="$slot" --synchronous --no-loop &
  receiver=$!
  trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
  trap 'exit 0' TERM INT
  while kill -0 "$receiver" 2>/dev/null; do
    "$0" ship
    if [ -n "$making" ] && ! kill -0 "$making" 2>/dev/null; then
      wait "$making"   # ends all of this where it failed: whoever started it should see
      making=""
    fi
    if [ -z "$making" ] && [[ $(bases | tail -n 1) < $(date -u -d "-1 day" +%Y%m%dT%H%M%SZ) ]]; then
      "$0" daily &
      making=$!
    fi
    sleep "${SOUK_BACKUP_SECONDS:-10}" &
    wait $! || true
  done
  echo "pg_receivewal ended" >&2
  return 1
}

umask 077
mkdir -p "$repository"/{base,wal,tmp}
touch "$repository/SUMS"
case ${1:-} in
  base) base "${2:?full or incremental}" ;;
  run | daily | ship | expire | check | verify) "$1" ;;
  *) sed -n '2,/^set/{/^#/s/^# \?//p}' "$0" ;;
esac
