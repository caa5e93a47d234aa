#!/bin/sh
# The systemd units are sound, with the programs where the install rules put them.
#   units.sh ROOT BUILD_DIR
set -eu
root=$1
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
DESTDIR="$stage" cmake --install "$2" --prefix /usr >/dev/null
for unit in musterd.service muster-agent.service muster-bridge.service; do
  test -f "$stage/usr/lib/systemd/system/$unit" || { echo "$unit is not installed"; exit 1; }
done
test -f "$stage/etc/muster/musterd.yaml" || { echo "no sample configuration"; exit 1; }
# --root: what the units name must exist in the stage itself.
mkdir -p "$stage/etc" "$stage/lib" "$stage/bin"
cp /bin/kill "$stage/bin/kill"
found=$(systemd-analyze verify --root="$stage" --man=no --recursive-errors=no \
  musterd.service muster-agent.service muster-bridge.service 2>&1) || { echo "$found"; exit 1; }
test -z "$found" || { echo "$found"; exit 1; }
echo ok
