#!/bin/sh
# Runs every fuzzer of the asan-ubsan build for MUSTER_FUZZ_SECONDS (10), seeded by the commit.
#   fuzz.sh ROOT
set -eu
root=$1
bin="$root/build-asan-ubsan/bin"
seconds=${MUSTER_FUZZ_SECONDS:-10}
commit=$(git -C "$root" rev-parse HEAD 2>/dev/null || echo 1)
seed=$(printf '%d' "0x$(printf '%.7s' "$commit")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=0
for source in "$root"/tests/fuzz/*_fuzz.cc; do
  name=$(basename "$source" .cc)
  [ -x "$bin/$name" ] || { echo "$bin/$name is not built: run the asan_ubsan test first"; exit 1; }
  mkdir -p "$work/$name"
  corpus="$root/tests/fuzz/corpus/$name"
  [ -d "$corpus" ] || corpus=""
  echo "$name: $seconds s, seed $seed"
  # shellcheck disable=SC2086  # an absent corpus is no argument
  "$bin/$name" -max_total_time="$seconds" -seed="$seed" -rss_limit_mb=2048 -timeout=10 \
    -print_final_stats=1 -verbosity=0 -print_funcs=0 -artifact_prefix="$root/build-asan-ubsan/$name-" \
    "$work/$name" $corpus
  count=$((count + 1))
done
[ "$count" -gt 0 ] || { echo "there are no fuzzers"; exit 1; }
