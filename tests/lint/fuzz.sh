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

cat > "$work/one.sh" <<'ONE'
set -eu
name=$1
mkdir -p "$work/$name"
corpus="$root/tests/fuzz/corpus/$name"
[ -d "$corpus" ] || corpus=""
# shellcheck disable=SC2086  # an absent corpus is no argument
if "$build/bin/$name" -max_total_time="$seconds" -seed="$seed" -rss_limit_mb=2048 -timeout=10 \
    -max_len=16384 -len_control=20 -print_final_stats=1 -verbosity=0 -print_funcs=0 \
    -artifact_prefix="$build/$name-" "$work/$name" $corpus > "$work/$name.log" 2>&1; then
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/$name.log")
  [ "${runs:-0}" -gt 0 ] || { echo "$name: no runs"; cat "$work/$name.log"; exit 1; }
  echo "$name: $runs runs in $seconds s"
else
  echo "$name FAILED:"
  cat "$work/$name.log"
  exit 1
fi
ONE
export root build seconds seed work
# shellcheck disable=SC2086
printf '%s\n' $names | xargs -P 2 -n 1 sh "$work/one.sh"
