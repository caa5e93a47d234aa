#!/bin/bash
# Command two of the README: installs what is missing, builds, runs everything with ctest and
# ends with its summary.   tests/run.sh [--full]   (--full: long rounds, 10 minutes of each fuzzer)
set -euo pipefail
cd "$(dirname "$0")/.."

case "${1:-}" in
  "") ;;
  --full) export MUSTER_FULL=1 MUSTER_FUZZ_SECONDS=600 MUSTER_FAULT_ROUNDS=10000 ;;
  *) echo "usage: tests/run.sh [--full]" >&2; exit 2 ;;
esac

# What is random is the same for one commit.
MUSTER_SEED=$(printf '%d' "0x$(git rev-parse --short=8 HEAD 2>/dev/null || echo 1)")
export MUSTER_SEED

step() {
  local name=$1 start=$SECONDS
  shift
  echo "== $name"
  "$@" || { echo "== $name FAILED after $((SECONDS - start)) s" >&2; exit 1; }
  echo "== $name took $((SECONDS - start)) s"
}

# The integration tests mount, mark and install, which takes root.
as_root=()
if [ "$(id -u)" -ne 0 ]; then as_root=(sudo --preserve-env=MUSTER_FULL,MUSTER_FUZZ_SECONDS,MUSTER_FAULT_ROUNDS,MUSTER_SEED); fi

step "packages" deploy/install-deps.sh --quiet build test
step "configure" cmake --preset release -DMUSTER_TESTS=ON --log-level=WARNING
step "build" ninja -C build --quiet
"${as_root[@]}" ctest --test-dir build --output-on-failure
