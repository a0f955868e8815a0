#!/usr/bin/env bash
# Appends every session that is new or changed to a file, as tab-separated lines:
# cursor, session, account, status, start, seconds of talk.
#
#   DATABASE_URL=postgres://... examples/export.sh sessions.tsv
#
# It may be killed at any moment: the next start goes on where the last commit was.
set -euo pipefail

file=${1:?give the file to append to}
consumer=export
page=$(mktemp)
trap 'rm -f "$page"' EXIT

# Runs the SQL of standard input. Exit code 2 says that the connection broke.
sql() {
  psql "${DATABASE_URL:?is not set}" --no-psqlrc --quiet --tuples-only \
    --set ON_ERROR_STOP=1 --set consumer="$consumer" "$@"
}

# Ends this program too, unless Postgres is only away.
wait_if_away() {
  [ "$1" -eq 2 ] || exit "$1"
  echo 'Postgres is away' >&2
  sleep 1
}

# A kill may have left half a line, whose session comes again.
if [ -s "$file" ] && [ -n "$(tail -c 1 "$file")" ]; then echo >> "$file"; fi

while true; do
  # COPY escapes tabs and line ends within values.
  sql > "$page" <<'SQL' || { wait_if_away $?; continue; }
COPY (
  SELECT change.cursor, change.session_id, sub_account_id, status, started_at, talk_seconds
  FROM vss.changes((SELECT cursor FROM vss.consumers WHERE name = :'consumer')) AS change
  JOIN vss.sessions AS session ON session.session_id = change.session_id
  ORDER BY change.cursor
) TO STDOUT
SQL
  if [ ! -s "$page" ]; then
    sleep 1
    continue
  fi

  # First the file, then the cursor: a kill between the two brings the same lines again, and none is missing.
  cat "$page" >> "$file"
  sync "$file"
  cursor=$(tail -n 1 "$page" | cut -f 1)
  sql --set cursor="$cursor" > /dev/null <<'SQL' || wait_if_away $?
SELECT vss.commit(:'consumer', :'cursor')
SQL
done
