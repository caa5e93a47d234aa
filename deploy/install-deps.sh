#!/bin/sh
# Installs what Muster needs from Debian 12, and only what is missing.
#   deploy/install-deps.sh [--quiet] [build|test|bench]...      (default: build)
# Runs apt-get as root, or through sudo. No daemon that comes with a package is started.
set -eu

build_packages="
  g++ cmake ninja-build pkg-config ccache lld
  libabsl-dev libgrpc++-dev libprotobuf-dev protobuf-compiler protobuf-compiler-grpc
  librocksdb-dev libjemalloc-dev libyaml-cpp-dev libldap-dev libsasl2-dev
  libsasl2-modules-gssapi-mit libkrb5-dev libssl-dev libspdlog-dev libcli11-dev
  libcurl4-openssl-dev nlohmann-json3-dev libsystemd-dev librpm-dev libflatpak-dev
  libicu-dev zlib1g-dev tzdata libsqlite3-dev libboost-dev"
test_packages="
  libgtest-dev libgmock-dev libbenchmark-dev clang clang-tidy clang-format libclang-rt-14-dev python3
  slapd ldap-utils samba-ad-dc samba-ad-provision samba-dsdb-modules samba-vfs-modules python3-samba
  openssl systemd procps iproute2 softhsm2 libengine-pkcs11-openssl opensc
  dbus-daemon util-linux chromium firefox-esr libxml2-utils rpm flatpak e2fsprogs squashfs-tools bubblewrap
  libplist-utils python3-jsonschema python3-yaml"
# For the libraries of fapolicyd. Not its package: that one enables a rule that denies every exec.
bench_packages="iproute2 liblmdb0 libseccomp2 libcap-ng0 libmagic1 libudev1 python3"
# Node may be there from elsewhere, and Debian's npm cannot stand beside that one.
command -v npm >/dev/null || bench_packages="$bench_packages nodejs npm"

quiet=""
wanted=""
for arg in "$@"; do
  case "$arg" in
    --quiet) quiet=yes ;;
    build) wanted="$wanted $build_packages" ;;
    test) wanted="$wanted $test_packages" ;;
    bench) wanted="$wanted $bench_packages" ;;
    *) echo "usage: $0 [--quiet] [build|test|bench]..." >&2; exit 2 ;;
  esac
done
[ -n "$wanted" ] || wanted="$build_packages"

missing=""
for package in $wanted; do
  state=$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null || true)
  case "$state" in
    ii*) ;;
    *) missing="$missing $package" ;;
  esac
done
if [ -z "$missing" ]; then
  [ -n "$quiet" ] || echo "nothing is missing"
  exit 0
fi

sudo=""
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    echo "these packages are missing and need root:$missing" >&2
    echo "next: run this as root, or install sudo" >&2
    exit 1
  }
  sudo=sudo
fi

# Packages such as slapd start themselves when installed. invoke-rc.d asks this file first.
policy=/usr/sbin/policy-rc.d
made_policy=""
cleanup() { [ -z "$made_policy" ] || $sudo rm -f "$policy"; }
trap cleanup EXIT
trap 'exit 130' INT TERM
if [ ! -e "$policy" ]; then
  made_policy=yes
  printf '#!/bin/sh\nexit 101\n' | $sudo tee "$policy" >/dev/null
  $sudo chmod 0755 "$policy"
fi

apt="$sudo env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3"
log=$(mktemp)
run() {
  if [ -n "$quiet" ]; then
    "$@" >"$log" 2>&1 || { cat "$log" >&2; rm -f "$log"; exit 1; }
  else
    "$@"
  fi
}
echo "installing:$missing"
# shellcheck disable=SC2086  # word lists on purpose
run $apt update -qq
# shellcheck disable=SC2086
run $apt install -y --no-install-recommends $missing
rm -f "$log"
