#!/bin/sh
# Packs demo-chat as a Debian package and prints its path.   package.sh PROGRAM OUT_DIR
set -eu
program=$1
out=$2
arch=$(dpkg --print-architecture)
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
chmod 0755 "$stage"
install -D -m 0755 "$program" "$stage/usr/bin/demo-chat"
mkdir -p -m 0755 "$stage/DEBIAN"
cat >"$stage/DEBIAN/control" <<END
Package: muster-demo-chat
Version: 1.0
Architecture: $arch
Maintainer: Muster demo <demo@demo.test>
Section: misc
Priority: optional
Description: harmless demo app of Muster's quickstart
 Says one line. Stands in for a messaging app whose TRM status is RESTRICTED.
END
mkdir -p "$out"
deb="$out/muster-demo-chat_1.0_$arch.deb"
dpkg-deb --root-owner-group --build "$stage" "$deb" >/dev/null
echo "$deb"
