#!/bin/sh
# Runs the fuzzers of the asan-ubsan build, two at a time, on the kept corpus, seeded by the commit.
#   fuzz.sh ROOT [--full] [NAME...]    20 s each, or MUSTER_FUZZ_SECONDS; --full: 600 s
# A finding stays beside the build as <name>-crash-…; run `<name> FILE` to play it again.
set -eu
root=$1
shift
seconds=${MUSTER_FUZZ_SECONDS:-20}
if [ "${1:-}" = --full ]; then seconds=600; shift; fi
build=${MUSTER_FUZZ_BUILD:-$root/build-asan-ubsan}
names=$*
if [ $# -eq 0 ]; then
  for source in "$root"/tests/fuzz/*_fuzz.cc; do names="$names $(basename "$source" .cc)"; done
fi
[ -n "$names" ] || { echo "there are no fuzzers"; exit 1; }
commit=$(git -C "$root" rev-parse HEAD 2>/dev/null || echo 1)
seed=$(printf '%d' "0x$(printf '%.7s' "$commit")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for name in $names; do
  [ -x "$build/bin/$name" ] || { echo "$build/bin/$name is not built: run the asan_ubsan test first"; exit 1; }
done

# Each reader of the inventory has its own time: NAME:READER.
jobs=""
for name in $names; do
  if [ "$name" = inventory_fuzz ]; then
    for reader in 0 1 2 3 4 5 6 7 8; do jobs="$jobs $name:$reader"; done
  else
    jobs="$jobs $name"
  fi
done

cat > "$work/one.sh" <<'ONE'
set -eu
name=${1%%:*}
case "$1" in *:*) MUSTER_FUZZ_READER=${1##*:}; export MUSTER_FUZZ_READER ;; esac
mkdir -p "$work/$1"
corpus="$root/tests/fuzz/corpus/$name"
[ -d "$corpus" ] || corpus=""
# shellcheck disable=SC2086  # an absent corpus is no argument
if "$build/bin/$name" -max_total_time="$seconds" -seed="$seed" -rss_limit_mb=2048 -timeout=10 \
    -max_len=16384 -len_control=20 -print_final_stats=1 -verbosity=0 -print_funcs=0 \
    -artifact_prefix="$build/$name-" "$work/$1" $corpus > "$work/$1.log" 2>&1; then
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/$1.log")
  [ "${runs:-0}" -gt 0 ] || { echo "$1: no runs"; cat "$work/$1.log"; exit 1; }
  echo "$1: $runs runs in $seconds s"
else
  echo "$1 FAILED:"
  cat "$work/$1.log"
  exit 1
fi
ONE
export root build seconds seed work
# shellcheck disable=SC2086
printf '%s\n' $jobs | xargs -P 2 -n 1 sh "$work/one.sh"
