#!/bin/bash
# Command one of the README: builds Muster, makes a demo tenant under build/demo/ and plays its
# main job on this machine with a harmless app.
#   deploy/quickstart.sh [--once] [--report FILE]
# --once ends after the story; without it everything stays up until Ctrl-C. Either way it takes
# away again what it put on the machine: two accounts and one package.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
source "$root/deploy/demo/lib.sh"
source "$root/deploy/demo/story.sh"
source "$root/deploy/demo/phones.sh"

once="" report=""
all_args=("$@")
while [ $# -gt 0 ]; do
  case "$1" in
    --once) once=yes ;;
    --report)
      [ $# -ge 2 ] || fail "--report needs a file" 2
      report=$(realpath -m -- "$2")
      shift ;;
    -h | --help) sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) fail "unknown argument '$1'; use [--once] [--report FILE]" 2 ;;
  esac
  shift
done

cd "$root"
if [ "${MUSTER_QUICKSTART_BUILT:-}" != yes ]; then
  step "Packages" "$root/deploy/install-deps.sh" --quiet build
  step "Build" build_programs
fi
if [ "$(id -u)" -ne 0 ]; then
  # Built as you; fanotify, accounts and the package need root.
  exec sudo --preserve-env=HOME MUSTER_QUICKSTART_BUILT=yes "$0" "${all_args[@]}"
fi

heal_leftovers
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
make_tenant
start_controller
enrol_and_start_agent
play_story
write_report
if [ -z "$once" ]; then stay_up; fi
for outcome in "$blocked_before" "$allowed_after" "$chat_seen" "$chat_receipted" \
  "$blocked_after_revoke" "$audit_verified" "$phone_blocked" "$phone_not_enforceable" \
  "$phone_allowed"; do
  [ "$outcome" = true ] ||
    fail "the story did not go as it should; see $demo/log/"
done
