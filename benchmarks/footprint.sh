#!/bin/sh
# How soon the service answers, and how much memory it and two workers take: PSS, in which what
# several processes share is counted once. This is no Python: a process of the same interpreter would
# bear its share of the libraries, and the service seem 4 MB smaller than it is.
# In: a database that `python -m benchmarks` has made, and the server, gunicorn or granian; the
# command is asked of PATH.
set -eu
database=${1:?"usage: benchmarks/footprint.sh DATABASE [gunicorn|granian]"}
kind=${2:-gunicorn}
command -v clients-api wrk > /dev/null || { echo "clients-api and wrk have to be on PATH." >&2; exit 1; }
folder=$(mktemp -d)
address=127.0.0.1:8765
cp "$database" "$folder/clients.sqlite3"
export CLIENTS_API_INSTANCE_PATH="$folder"
export CLIENTS_API_RATELIMIT_DEFAULT="1000000000 per minute"

serve() {
    clients-api serve --bind $address --server "$kind" --workers 2 > "$folder/log" 2>&1 &
    server=$!
}

finish() {
    kill "$server" 2> /dev/null && wait "$server" || true
}

memory() {
    for process in $server $(cat /proc/$server/task/*/children); do
        cat /proc/"$process"/smaps_rollup
    done | awk -v label="$1" '/^Pss:/ { sum += $2 } END { printf "%-22s %5.1f MB\n", label, sum / 1024 }'
}

load() {
    wrk -t2 -c8 -d"$1" -H "Authorization: Bearer ck_benchmark-0123456789abcdef" "http://$address/api/$2" > /dev/null
}

trap 'finish; rm -r "$folder"' EXIT
begin=$(date +%s%N)
serve
until curl -so /dev/null http://$address/api/ready; do sleep 0.01; done
echo "The first answer came after $((($(date +%s%N) - begin) / 1000000)) ms."
finish
serve
sleep 3
memory "Idle"
for _ in 1 2 3 4 5 6 7 8 9 10; do curl -so /dev/null http://$address/api/health; done
memory "After ten answers"
load 5s "clients?limit=100"
load 5s clients/5
load 5s "clients?search=golden"
memory "Under load"
