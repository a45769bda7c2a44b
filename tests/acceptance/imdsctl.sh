#!/usr/bin/env bash
# What a new user sees: the commands of the README, every profile of the mock, and the exit codes, with
# the real binary over loopback. Needs jq. Run by tests/run; prints a line for each thing it saw hold.
set -euo pipefail
cd "$(dirname "$0")/../.."

cargo build --release --quiet --bin imdsctl
imdsctl=$(cargo metadata --format-version 1 --no-deps | jq -r .target_directory)/release/imdsctl
work=$(mktemp -d)
server=
stop() {
  [ -z "$server" ] || { kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; }
  server=
}
trap 'stop; rm -rf "$work"' EXIT

# Nothing of the caller's environment is wanted; a proxy that nobody serves must not matter.
clean=(env -i "HOME=$work" HTTP_PROXY=http://127.0.0.1:9 http_proxy=http://127.0.0.1:9 ALL_PROXY=http://127.0.0.1:9)
run() { "${clean[@]}" "$imdsctl" --pace off "$@"; }
passed=0
fail() { printf 'acceptance: %s\n' "$*" >&2; exit 1; }
ok() { passed=$((passed + 1)); printf 'ok  %s\n' "$*"; }
same() { [ "$2" = "$3" ] || fail "$1: expected '$3', got '$2'"; ok "$1"; }
code() { # code EXPECTED WHAT COMMAND…
  local expected=$1 what=$2 got=0
  shift 2
  "$@" >"$work/out" 2>"$work/err" || got=$?
  [ "$got" = "$expected" ] || { cat "$work/err" >&2; fail "$what: expected exit $expected, got $got"; }
  ok "$what exits $expected"
}
serve() { # serve ARGS…: starts a mock on a free port and sets $url
  stop
  exec {said}< <(exec "${clean[@]}" "$imdsctl" mock --listen 127.0.0.1:0 "$@" 2>"$work/mock.log")
  server=$!
  # Its first line is its URL, once it listens.
  IFS= read -r -t 30 -u "$said" url || fail "the mock did not start: $(cat "$work/mock.log")"
  exec {said}<&-
}

# The first commands of the README.
id=$(run --mock dump | jq -r '."meta-data"."instance-id"')
case $id in i-*) ok "dump | jq prints an instance id" ;; *) fail "dump: instance id '$id'" ;; esac
same "get instance-id" "$(run --mock get instance-id)" "$id"
same "get /latest/meta-data/instance-id" "$(run --mock get /latest/meta-data/instance-id)" "$id"

# The tree is one tree, whoever serves it, with any number of lanes. Fresh credentials and dates aside.
tree() { run --endpoint "$url" --lanes "$1" "${@:2}" dump | jq -S 'del(."meta-data".iam.info, ."meta-data"."identity-credentials".ec2.info)'; }
serve
tree 8 >"$work/tree"
for profile in ec2 ec2-legacy v1-only v1-only-405 mmds; do
  for tokens in required optional; do
    for lanes in 1 4; do
      case "$profile" in
        v1-only*) flags=--allow-v1 ;;
        *) flags= ;;
      esac
      serve --profile "$profile" --tokens "$tokens"
      tree "$lanes" $flags >"$work/got"
      if [ "$profile" = mmds ]; then
        jq -S 'del(."meta-data"."public-keys")' "$work/tree" >"$work/want"
      else
        cp "$work/tree" "$work/want"
      fi
      diff "$work/want" "$work/got" >&2 || fail "$profile, tokens $tokens, $lanes lanes: another tree"
      ok "$profile, tokens $tokens, $lanes lanes: the same tree"
    done
  done
done

# Where a profile cannot serve it, the exit code says why.
for lanes in 1 4; do
  code 5 "disabled, $lanes lanes" run --mock=disabled --lanes "$lanes" dump
  code 5 "disabled with --allow-v1, $lanes lanes" run --mock=disabled --lanes "$lanes" --allow-v1 dump
  code 6 "hop-limited, $lanes lanes" run --mock=hop-limited --lanes "$lanes" dump
  code 9 "v1-only, $lanes lanes" run --mock=v1-only --lanes "$lanes" dump
  code 0 "v1-only with --allow-v1, $lanes lanes" run --mock=v1-only --lanes "$lanes" --allow-v1 dump
  code 9 "a web server, $lanes lanes" run --mock=html --lanes "$lanes" dump
  code 9 "a web server with --allow-v1, $lanes lanes" run --mock=html --lanes "$lanes" --allow-v1 dump
  code 9 "a web server without PUT, with --allow-v1, $lanes lanes" run --mock=html-405 --lanes "$lanes" --allow-v1 dump
  stop
  code 7 "nothing listening, $lanes lanes" run --endpoint http://127.0.0.1:9 --lanes "$lanes" dump
done
code 3 "an absent key" run --mock get nonsense
code 10 "disabled by configuration" env -i HOME="$work" AWS_EC2_METADATA_DISABLED=True "$imdsctl" --mock get instance-id

# An old server redirects a directory without its slash.
same "list of a directory on an old server" "$(run --mock=ec2-legacy list placement)" "$(run --mock list placement)"
same "get of a directory on an old server" "$(run --mock=ec2-legacy get placement)" "$(run --mock get placement)"

# Start points: leaf, multi-line leaf, one-entry directory, with and without a final slash.
groups=$(run --mock get security-groups | jq -Rs .)
same "dump of a leaf" "$(run --mock dump instance-id)" "\"$id\""
same "dump of a multi-line leaf" "$(run --mock dump security-groups)" "$groups"
same "dump of a multi-line leaf with a slash" "$(run --mock dump security-groups/)" "$groups"
for directory in network/interfaces/macs public-keys tags placement; do
  same "dump $directory" "$(run --mock dump "$directory" | jq -S .)" \
    "$(jq -S "getpath([\"meta-data\"] + (\"$directory\" | split(\"/\")))" "$work/tree")"
  same "dump $directory/" "$(run --mock dump "$directory/")" "$(run --mock dump "$directory")"
done
code 2 "list of a leaf" run --mock list instance-id
grep -q get "$work/err" || fail "list of a leaf does not say what to do: $(cat "$work/err")"
code 2 "list of a leaf with a slash" run --mock list instance-id/

# No secret where it does not belong.
secrets=$(run --mock credentials --format json | jq -r '.. | strings | select(length > 20)')
run -vvv --mock credentials >/dev/null 2>"$work/log"
run -vvv --mock dump --include all >/dev/null 2>>"$work/log"
[ -s "$work/log" ] || fail "-vvv says nothing"
while IFS= read -r secret; do
  ! grep -qF -- "$secret" "$work/log" || fail "a secret in the log at -vvv"
done <<<"$secrets"
ok "no secret in the log at -vvv"

printf '%s passed, 0 failed\n' "$passed"
