#!/bin/sh
# Builds and runs tests under a sanitizer, in its own build folder.
#   sanitize.sh ROOT asan-ubsan    the unit tests; builds the fuzzers too
#   sanitize.sh ROOT tsan          the stream logic
# asan-ubsan is also the clang build of the product: its warnings, -Wthread-safety among them,
# are errors.
set -eu
root=$1
preset=$2
case "$preset" in
  asan-ubsan) label=unit targets="tests_unit fuzzers"
    options="-DCMAKE_CXX_COMPILER=clang++ -DMUSTER_SANITIZE=fuzzer-no-link,address,undefined" ;;
  tsan) label=tsan targets=tests_tsan options="" ;;
  *) echo "usage: $0 ROOT asan-ubsan|tsan" >&2; exit 2 ;;
esac
build="$root/build-$preset"
cd "$root"
# shellcheck disable=SC2086  # word lists on purpose
cmake --preset "$preset" -DMUSTER_PROGRAMS=OFF $options
# shellcheck disable=SC2086
ninja -C "$build" $targets
ran=$(ctest --test-dir "$build" -N -L "^$label\$" | sed -n 's/^Total Tests: //p')
[ "${ran:-0}" -gt 0 ] || { echo "no $label tests in $build"; exit 1; }
# Fault rounds cost ten times as much here; the plain build runs all of them.
MUSTER_FAULT_ROUNDS=100 UBSAN_OPTIONS=print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1 \
  ctest --test-dir "$build" -L "^$label\$" --output-on-failure -j "$(nproc)"
