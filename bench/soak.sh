#!/bin/bash
# What the agent costs a machine on which packages come and go, for a long time.
#   bench/soak.sh [--minutes M] [--leak] [--check] [--json]      (default: 20 minutes; --leak: 60)
# A machine of 900 packages; every three seconds dpkg installs or removes one, and its program runs.
# Prints the largest PSS of all processes of the agent together, and their CPU.
# --leak: instead every second, and with a new policy each time, and programs that may run, may not
# run, and belong to a plain user. Prints by how much its own memory has grown since the warm-up:
# the PSS of what is no file, because that of libraries changes with who else uses them.
# --check: ends with 1 when the agent is larger, or grows more, than it may. For tests.
# --self-test: shows that --check can fail.
# Needs root. All it installs goes below a tmpfs of its own, which is all that the agent watches.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
if [[ " $* " == *" --leak "* ]]; then folder=leak-demo; else folder=soak-demo; fi # both at once
export MUSTER_DEMO_DIR=${MUSTER_DEMO_DIR:-$root/build/$folder}
source "$root/bench/lib.sh"

keys=(agent.rss_kb agent.cpu_pct)
packages=900 tools=12
max_pss_kb=32768   # the target
max_growth_kb=2048 # a sample differs by some hundred kB from the next: arenas that are given back
minutes="" leak="" check="" self_test=""
all_args=("$@")
while [ $# -gt 0 ]; do
  case "$1" in
    --minutes)
      [[ "${2:-}" =~ ^[1-9][0-9]{0,3}$ ]] || fail "--minutes needs a whole number of minutes" 2
      minutes=$2
      shift ;;
    --leak) leak=yes keys=(agent.soak_kb) ;;
    --check) check=yes ;;
    --json) json=yes ;;
    --self-test) self_test=yes ;;
    *) fail "unknown argument '$1'; use [--minutes M] [--leak] [--check] [--json]" 2 ;;
  esac
  shift
done
minutes=${minutes:-$([ -n "$leak" ] && echo 60 || echo 20)}
command_of="bench/soak.sh${leak:+ --leak} --minutes $minutes"

# --- samples: one "second kB own_kB" a line ---

# window FIRST COUNT: the median own memory of the samples with these numbers, of standard input.
window() { tail -n +"$1" | head -n "$2" | awk '{print $3}' | quantile 0.5; }

# read_samples FILE: sets max_kb, warm_kb, end_kb. Warm is after five minutes, or after a quarter of
# a shorter run; a median over a twelfth of the run stands for a moment.
read_samples() {
  local n count first
  n=$(wc -l <"$1")
  count=$((n / 12 > 0 ? n / 12 : 1))
  first=$(awk -v minutes="$minutes" 'BEGIN {warm = minutes * 15; if (warm > 300) warm = 300}
    $1 >= warm {print NR; exit}' "$1")
  max_kb=$(awk '{print $2}' "$1" | quantile 1)
  warm_kb=$(window "${first:-1}" "$count" <"$1")
  end_kb=$(window $((n - count + 1)) "$count" <"$1")
}

# Of what read_samples has set.
within_limits() {
  [ "$max_kb" -le "$max_pss_kb" ] || {
    echo "the agent took $max_kb kB; it may take $max_pss_kb" >&2
    return 1
  }
  [ $((end_kb - warm_kb)) -le "$max_growth_kb" ] || {
    echo "own memory of the agent grew from $warm_kb to $end_kb kB; it may grow by $max_growth_kb" >&2
    return 1
  }
}

# samples_of START PER_SECOND: two minutes of an agent that grows like this.
samples_of() { seq 0 119 | awk -v a="$1" -v b="$2" '{kb = a + int(b * $1); print $1, kb, kb}'; }
run_self_test() {
  local file good=yes
  file=$(mktemp)
  minutes=2
  samples_of 20000 2 >"$file"
  read_samples "$file"
  within_limits || good=""
  samples_of 20000 40 >"$file" # leaks
  read_samples "$file"
  if within_limits 2>/dev/null; then good=""; fi
  samples_of 32700 1 >"$file" # too large
  read_samples "$file"
  if within_limits 2>/dev/null; then good=""; fi
  rm -f "$file"
  [ -n "$good" ] || fail "the check cannot tell a leak"
  echo "the check tells a leak, and a large agent"
}
if [ -n "$self_test" ]; then
  run_self_test
  exit 0
fi

# --- the machine ---
ours=$world/ours machine=$world/ours/machine admindir=$world/ours/machine/var/lib/dpkg

# Status file and file lists of 900 packages, of the size that they have on a Debian desktop.
make_packages() {
  mkdir -p "$admindir/info" "$admindir/updates" "$admindir/triggers" "$machine/flatpak" \
    "$machine/snap" "$machine/home"
  echo 1 >"$admindir/info/format"
  awk -v n="$packages" -v dir="$admindir" 'BEGIN {
    for (p = 1; p <= n; p++) {
      name = sprintf("bench-base-%03d", p)
      printf "Package: %s\nStatus: install ok installed\nPriority: optional\nSection: utils\n" \
        "Installed-Size: %d\nMaintainer: Bench Maintainers <bench@bench.test>\n" \
        "Architecture: all\nVersion: 1:%d.%d-1+deb12u%d\nDepends: libc6 (>= 2.34), libgcc-s1 " \
        "(>= 3.0), libstdc++6 (>= 12)\nDescription: package %d of a machine that is measured\n", \
        name, 40 * p, p % 9, p % 31, p % 4, p >(dir "/status")
      for (line = 0; line < 8; line++)
        print " Filler that is as long as what Debian packages say of themselves." >(dir "/status")
      print "" >(dir "/status")
      list = dir "/info/" name ".list"; sums = dir "/info/" name ".md5sums"
      print "/.\n/usr\n/usr/share\n/usr/share/" name >list
      for (f = 0; f < 20 + (p * 37) % 220; f++) {
        file = sprintf("usr/share/%s/part-%d/file-%d.data", name, f % 7, f)
        print "/" file >list
        printf "%08x%08x%08x%08x  %s\n", p, f, p * f, 7, file >sums
      }
      close(list); close(sums)
    }
  }'
}

# Packages that come and go: a program, and some files that say nothing.
make_tools() {
  local i n stage=$demo/stage
  echo 'int main() {}' | g++ -O2 -static -x c++ -o "$demo/true" -
  for i in $(seq "$tools"); do
    rm -rf "$stage"
    mkdir -p "$stage/DEBIAN" "$stage/usr/bin" "$stage/usr/share/doc/bench-tool-$i"
    install -m 0755 "$demo/true" "$stage/usr/bin/bench-tool-$i"
    echo "bench tool $i" >>"$stage/usr/bin/bench-tool-$i" # its hash is its own
    for n in $(seq 40); do echo "$n" >"$stage/usr/share/doc/bench-tool-$i/page-$n"; done
    printf 'Package: bench-tool-%d\nVersion: 1.0\nArchitecture: all\nMaintainer: Bench <bench@bench.test>\nDescription: comes and goes\n' \
      "$i" >"$stage/DEBIAN/control"
    dpkg-deb --root-owner-group --build "$stage" "$demo/bench-tool-$i.deb" >/dev/null
  done
  "$root/deploy/demo/app/package.sh" "$bin/demo-chat" "$demo" >"$demo/chat-deb"
}

run_dpkg() {
  dpkg --root="$machine" --force-unsafe-io --force-depends --log=/dev/null "$@" \
    >"$demo/log/dpkg.log" 2>&1 || { cat "$demo/log/dpkg.log" >&2; fail "dpkg $*"; }
}

# change N: the Nth change: a tool comes when it is not there and goes when it is; every thirteenth
# package is the app of the demo, which the catalogue knows.
change() {
  local i=$(($1 % (tools + 1))) name deb
  name=bench-tool-$i deb=$demo/bench-tool-$i.deb
  if [ "$i" = 0 ]; then name=muster-demo-chat deb=$(cat "$demo/chat-deb"); fi
  if [ -e "$admindir/info/$name.list" ]; then
    run_dpkg --purge "$name"
  else
    run_dpkg --install "$deb"
    if [ "$i" != 0 ]; then "$machine/usr/bin/$name"; fi
  fi
}

# The policy and the files that it is about change sides; programs run, or are blocked.
stir() {
  local i which=$(($1 % 2))
  as admin apply -f "$demo/policies-$which" >/dev/null
  for i in 1 2 3 4 5 6 7 8 9 10; do
    "$ours/rooted"
    "$ours/users"
    "$ours/chat-0" >/dev/null 2>&1 || true
    "$ours/chat-1" >/dev/null 2>&1 || true
  done
}

# --- the agent: all its processes ---
agent_pss() {
  local pid
  for pid in $(tree_pids "$agent_pid"); do cat "/proc/$pid/smaps_rollup" 2>/dev/null || true; done |
    awk '$1 == "Pss:" {sum += $2} $1 == "Pss_Anon:" || $1 == "Pss_Shmem:" {own += $2}
      END {print sum + 0, own + 0}'
}

# Clock ticks of user and system time, with those of children that have ended.
agent_ticks() {
  local pid
  for pid in $(tree_pids "$agent_pid"); do cat "/proc/$pid/stat" 2>/dev/null || true; done |
    sed 's/.*) //' | awk '{sum += $12 + $13 + $14 + $15} END {print sum + 0}'
}

# cpu_over MILLISECONDS TICKS: per cent of one core.
cpu_over() {
  awk -v ms="$1" -v ticks="$2" -v hz="$(getconf CLK_TCK)" \
    'BEGIN {printf "%.2f", 100 * ticks / hz / (ms / 1000)}'
}

# PSS divides a library by its users, and a laptop runs no other program with gRPC: in this mount
# namespace the agent and its libraries are copies that nobody else maps. What every program maps
# stays as it is. The controller and musterctl have copies of their own.
own_libraries() {
  local file
  mkdir -p "$demo/lib" "$demo/agent-lib"
  ldd "$bin/musterd" "$bin/musterctl" | grep -o '/[^ ]*\.so[^ ]*' | grep -v ld-linux | sort -u |
    xargs -I{} cp -L {} "$demo/lib/"
  { printf '%s\n' "$bin/muster-agent" "$bin/muster-supervisor" &&
    ldd "$bin/muster-agent" "$bin/muster-supervisor" | grep -o '/[^ ]*\.so[^ ]*'; } | sort -u |
    grep -vE '/(ld-linux[^/]*|lib(c|m|stdc\+\+|gcc_s)\.so[^/]*)$' >"$demo/agent-files"
  while read -r file; do
    cp -L "$file" "$demo/agent-lib/"
    mount --bind "$demo/agent-lib/$(basename "$file")" "$(realpath "$file")"
  done <"$demo/agent-files"
}

start_machine() {
  mount -t tmpfs -o mode=0755 tmpfs "$world"
  mkdir "$ours"
  mount -t tmpfs -o mode=0755 tmpfs "$ours"
  make_packages
  make_tools
  install -m 0755 "$demo/true" "$ours/rooted"
  install -m 0755 -o 20001 -g 20001 "$demo/true" "$ours/users"
  local i
  for i in 0 1; do
    install -m 0755 "$bin/demo-chat" "$ours/chat-$i"
    echo "$i" >>"$ours/chat-$i"
    demo_policies "$demo/policies-$i" "$ours/chat-$i"
  done
  own_libraries
  export LD_LIBRARY_PATH=$demo/lib
  make_tenant >&2
  start_controller >&2
  enrol >&2
  as admin apply -f "$demo/policies-0" >&2
  unset LD_LIBRARY_PATH
  mkdir -p "$world/browsers"
  start muster-agent run --state "$agent_state" --filesystems "$ours" --dpkg-admindir "$admindir" \
    --browser-root "$world/browsers" \
    --flatpak-dir "$machine/flatpak" --snap-dir "$machine/snap" --home-dir "$machine/home"
  agent_pid=$started_pid
  export LD_LIBRARY_PATH=$demo/lib # of every command from here
  until_ok 30 agent_enforces || fail "the agent does not enforce"
}

# --- the run ---
rest() {
  local seconds=$((minutes >= 10 ? 60 : 10)) ticks from
  sleep 5 # what the start made it do
  ticks=$(agent_ticks) from=$(now_ms)
  sleep "$seconds"
  rest_pct=$(cpu_over $(($(now_ms) - from)) $(($(agent_ticks) - ticks)))
}

# Makes changes and takes a sample each second, on the beat, until the time is over.
run_soak() {
  local second=0 changes=0 wait every=3
  if [ -n "$leak" ]; then every=1; fi
  from=$(now_ms)
  while [ "$second" -lt $((minutes * 60)) ]; do
    if [ $((second % every)) = 0 ]; then
      change "$((changes += 1))"
      if [ -n "$leak" ]; then stir "$changes"; fi
    fi
    [ -d "/proc/$agent_pid" ] || fail "the agent has ended; see $demo/log/muster-agent.log"
    echo "$second $(agent_pss)" >>"$demo/samples"
    second=$(awk -v ms="$(($(now_ms) - from))" 'BEGIN {print int(ms / 1000) + 1}')
    wait=$((second * 1000 - ($(now_ms) - from)))
    if [ "$wait" -gt 0 ]; then sleep "$(awk -v ms="$wait" 'BEGIN {print ms / 1000}')"; fi
  done
  echo "$changes" >"$demo/changes"
}

report() {
  local changes n
  changes=$(cat "$demo/changes") n=$(wc -l <"$demo/samples")
  read_samples "$demo/samples"
  echo "$changes package changes; own memory $warm_kb kB warm, $end_kb kB at the end;" \
    "PSS $max_kb kB at most" >&2
  emit agent.rss_kb "$max_kb" kB null null "$n" "$(awk '{print $2}' "$demo/samples" | quantile 0.5)" \
    "$(awk '{print $2}' "$demo/samples" | quantile 0.99)" "$packages"
  emit agent.cpu_pct "$busy_pct" pct "$rest_pct" "$(quotient "$busy_pct" "$rest_pct")" "$changes" \
    null null "$packages"
  emit agent.soak_kb "$((end_kb - warm_kb))" kB "$warm_kb" "$(quotient "$end_kb" "$warm_kb")" "$n" \
    "$end_kb" "$(awk '{print $3}' "$demo/samples" | quantile 0.99)" "$packages"
}

[ "$(id -u)" -eq 0 ] || exec sudo --preserve-env=MUSTER_BENCH_BUILT,MUSTER_DEMO_DIR "$0" "${all_args[@]}"
if [ "${MUSTER_BENCH_BUILT:-}" != yes ]; then
  "$root/deploy/install-deps.sh" --quiet build bench >&2
  step "Build" build_programs >&2
fi
own_world -n "$0" "${all_args[@]}" # a network too: any number of these may run at once
ip link set lo up
heal_leftovers >&2
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
cd "$root"
start_machine
rest
ticks=$(agent_ticks)
run_soak
busy_pct=$(cpu_over $(($(now_ms) - from)) $(($(agent_ticks) - ticks)))
report
if [ -n "$check" ]; then within_limits; fi
