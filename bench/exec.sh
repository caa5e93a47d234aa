# What the agent costs at every exec and open, beside no agent and beside fapolicyd, all in one run.
# Sourced by bench/run.sh; needs lib.sh and a mount namespace of its own. Everything that is marked
# is a filesystem of ours below $world:
#   plain      tmpfs that nobody watches          ram          ramfs that nobody watches
#   ours       tmpfs that the agent watches       fapo/watched ramfs that fapolicyd watches
# On each: `rooted`, which belongs to root, and `users`, the same program of a plain user, whose
# file no kernel cache may answer for, because its owner can change it.
# shellcheck shell=bash disable=SC2154
exec_keys=(exec.decided_us exec.cached_us exec.fapolicyd_us open.us open.fapolicyd_us
  exec.storm_ratio exec.storm_decided_ratio exec.storm_fapolicyd_ratio revoke.kill_ms)
exec_plain=$world/plain exec_ours=$world/ours exec_ram=$world/ram
fapo=$world/fapo exec_watched=$world/fapo/watched
exec_owner=20001 # of nobody
exec_victims=300
fapo_error="" fapo_pid=""

exec_mount() {
  mount -t tmpfs -o mode=0755 tmpfs "$world"
  mkdir "$exec_plain" "$exec_ours" "$exec_ram" "$fapo"
  mount -t tmpfs -o mode=0755 tmpfs "$exec_plain"
  mount -t tmpfs -o mode=0755 tmpfs "$exec_ours"
  mount -t ramfs -o mode=0755 ramfs "$exec_ram"
  mkdir -p "$exec_watched"
  mount -t ramfs -o mode=0755 ramfs "$exec_watched"
  local place
  echo 'int main() {}' | g++ -O2 -static -x c++ -o "$world/true" -
  for place in "$exec_plain" "$exec_ours" "$exec_ram" "$exec_watched"; do
    install -m 0755 "$world/true" "$place/rooted"
    install -m 0755 -o "$exec_owner" -g "$exec_owner" "$world/true" "$place/users"
    install -m 0644 "$root/README.md" "$place/text"
  done
}

# --- fapolicyd, unpacked and never installed: its package enables a rule that denies everything ---

# Its files in a root of their own. It sees no other mount there, so it can watch nothing else.
fapo_unpack() {
  local cache=$root/build/fapolicyd library
  if ! ls "$cache"/fapolicyd_*.deb >/dev/null 2>&1; then
    mkdir -p "$cache"
    (cd "$cache" && { apt-get -qq download fapolicyd ||
      { apt-get -qq update && apt-get -qq download fapolicyd; }; }) >&2 || return 1
  fi
  dpkg -x "$(ls "$cache"/fapolicyd_*.deb)" "$fapo" || return 1
  ldd "$fapo/usr/sbin/fapolicyd" | grep -o '/[^ ]*' >"$demo/libraries"
  while read -r library; do
    mkdir -p "$fapo$(dirname "$library")"
    cp -L "$library" "$fapo$library" || return 1
  done <"$demo/libraries"
  mkdir -p "$fapo/proc" "$fapo/dev" "$fapo/run/fapolicyd" "$fapo/var/lib/fapolicyd" \
    "$fapo/var/log" "$fapo/tmp"
  mknod -m 0666 "$fapo/dev/null" c 1 3
  mount -t proc proc "$fapo/proc"
}

# Debian's own settings but for what is watched and trusted. Rules that allow everything but a probe
# are its cheapest: no file type, no hash.
fapo_configure() {
  local conf=$fapo/etc/fapolicyd
  sed -i -e 's/^\(uid\|gid\) = .*/\1 = 0/' -e 's/^watch_fs = .*/watch_fs = ramfs/' \
    -e 's/^trust = .*/trust = file/' -e 's/^detailed_report = .*/detailed_report = 0/' \
    "$conf/fapolicyd.conf"
  rm -rf "$conf/rules.d"
  printf 'deny perm=execute all : path=/watched/probe\nallow perm=any all : all\n' \
    >"$conf/compiled.rules"
  echo "/usr/sbin/fapolicyd 0 $(printf '0%.0s' {1..64})" >"$conf/fapolicyd.trust"
  install -m 0755 "$world/true" "$exec_watched/probe"
}

fapo_denies() {
  local output
  ! output=$("$exec_watched/probe" 2>&1) && [[ "$output" == *"Operation not permitted"* ]]
}

# Sets fapo_error when it cannot run, or does not decide.
start_fapolicyd() {
  if ! fapo_unpack; then
    fapo_error="fapolicyd could not be fetched and unpacked"
    return
  fi
  fapo_configure
  setsid chroot "$fapo" /usr/sbin/fapolicyd --debug-deny >"$demo/log/fapolicyd.log" 2>&1 \
    </dev/null &
  fapo_pid=$!
  if ! until_ok 20 fapo_denies || ! "$exec_watched/rooted"; then
    fapo_error="fapolicyd does not decide; see $demo/log/fapolicyd.log"
  fi
}

# It leaves its count of decisions in its log.
stop_fapolicyd() {
  [ -n "$fapo_pid" ] || return 0
  if [ "$(readlink "/proc/$fapo_pid/root")" = "$fapo" ]; then kill "$fapo_pid" || true; fi
  wait "$fapo_pid" 2>/dev/null || true
  fapo_pid=""
}

# --- the agent ---

exec_may_run() { setpriv --reuid "$alice" --regid "$alice" --clear-groups -- "$1"; }
exec_is_blocked() {
  local output
  ! output=$(exec_may_run "$1" 2>&1) && [[ "$output" == *"Operation not permitted"* ]]
}

start_exec_agent() {
  install -m 0755 "$bin/demo-chat" "$exec_ours/chat"
  make_tenant >&2
  alice=$(id -u muster-alice)
  start_controller >&2
  demo_policies "$demo/policies" "$exec_ours/chat"
  as admin apply -f "$demo/policies" >&2
  enrol >&2
  mkdir -p "$world/browsers"
  start muster-agent run --state "$agent_state" --filesystems "$exec_ours" \
    --browser-root "$world/browsers"
  until_ok 20 agent_enforces || fail "the agent does not enforce"
  until_ok 10 exec_is_blocked "$exec_ours/chat" || fail "the agent does not block"
}

# --- the figures ---

# exec_line KEY N BASE P50 P99 ADDED
exec_line() { emit "$1" "$6" us "$3" "$(quotient "$4" "$3")" "$2" "$4" "$5" null; }

bench_times() {
  local pairs
  pairs=("$exec_plain/users" "$exec_ours/users" "$exec_plain/rooted" "$exec_ours/rooted")
  [ -n "$fapo_error" ] || pairs+=("$exec_ram/rooted" "$exec_watched/rooted")
  "$bin/exec_time" exec 200 15 "${pairs[@]}" >"$demo/exec"
  pairs=("$exec_plain/text" "$exec_ours/text")
  [ -n "$fapo_error" ] || pairs+=("$exec_ram/text" "$exec_watched/text")
  "$bin/exec_time" open 200 15 "${pairs[@]}" >"$demo/open"
  # shellcheck disable=SC2046  # words on purpose
  {
    exec_line exec.decided_us $(sed -n 1p "$demo/exec")
    exec_line exec.cached_us $(sed -n 2p "$demo/exec")
    exec_line open.us $(sed -n 1p "$demo/open")
    if [ -n "$fapo_error" ]; then
      emit_error exec.fapolicyd_us "$fapo_error"
      emit_error open.fapolicyd_us "$fapo_error"
    else
      exec_line exec.fapolicyd_us $(sed -n 3p "$demo/exec")
      exec_line open.fapolicyd_us $(sed -n 2p "$demo/open")
    fi
  }
}

# storm_line KEY ROUNDS BASE_PER_S PER_S RATIO
storm_line() { emit "$1" "$5" ratio "$3" "$5" "$2" "$4" null 8; }

bench_storm() {
  local pairs
  pairs=("$exec_plain/rooted" "$exec_ours/rooted" "$exec_plain/users" "$exec_ours/users")
  [ -n "$fapo_error" ] || pairs+=("$exec_ram/rooted" "$exec_watched/rooted")
  "$bin/exec_storm" 8 21 300 "${pairs[@]}" >"$demo/storm"
  # shellcheck disable=SC2046  # words on purpose
  {
    storm_line exec.storm_ratio $(sed -n 1p "$demo/storm")
    storm_line exec.storm_decided_ratio $(sed -n 2p "$demo/storm")
    if [ -n "$fapo_error" ]; then
      emit_error exec.storm_fapolicyd_ratio "$fapo_error"
    else
      storm_line exec.storm_fapolicyd_ratio $(sed -n 3p "$demo/storm")
    fi
  }
}

# The local port of the only connection that is open to the controller: the agent's stream.
exec_agent_port() {
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
    awk -v port=":$(printf '%04X' "$port")" \
      '$4 == "01" && substr($3, length($3) - 4) == port {print substr($2, length($2) - 3)}' >"$demo/ports"
  [ "$(wc -l <"$demo/ports")" = 1 ] || return 1
  agent_port=$((16#$(cat "$demo/ports")))
}

# revoke_round N: prints first, last and told-to-last, in ms.
revoke_round() {
  local request grant
  request=$(as service-desk request submit --person alice@demo.test --app demo-chat \
    --ticket "INC09635$((40 + $1))" --justification "Measures a revocation" --term 90d \
    --training-acknowledged 2026-1 -o yaml | field request_id)
  as soc-approver request approve "$request" --reason "Measures a revocation" >/dev/null
  until_ok 10 exec_may_run "$exec_ours/chat" || fail "the approval did not reach the agent"
  until_ok 10 eval '[ "$(as soc-approver request show '"$request"' -o yaml | field state)" = ACTIVE ]' ||
    fail "the request does not become active"
  grant=$(as soc-approver request show "$request" -o yaml | field grant_id)
  until_ok 10 exec_agent_port || fail "the agent holds no connection to the controller, or several"
  coproc revoke { exec "$bin/revoke_time" "$exec_victims" "$alice" "$alice" "$port" \
    "$agent_port" "$exec_ours/chat" --wait 2>&1; }
  local line out in
  exec {out}<&"${revoke[0]}" {in}>&"${revoke[1]}" # bash closes its own when the program ends
  read -r line <&"$out" && [ "$line" = ready ] || fail "$exec_victims instances did not start: $line"
  sleep 3 # reports of the starts, and their answers, are through
  echo go >&"$in"
  as soc-approver grant revoke "$grant" --reason "Measures a revocation" >/dev/null
  read -r line <&"$out" || fail "revoke_time ended without a figure"
  exec {out}<&- {in}>&-
  [[ "$line" =~ ^[0-9] ]] || fail "revoke_time: $line"
  echo "$line"
}

bench_revoke() {
  local i
  for i in 1 2 3 4 5; do revoke_round "$i"; done >"$demo/revoke"
  awk '{print $2}' "$demo/revoke" >"$demo/values"
  awk '{print "revocation: first ended", $1, "ms, last", $2, "ms after the arrival;", $3, "ms after the command"}' \
    "$demo/revoke" >&2
  emit revoke.kill_ms "$(quantile 0.5 <"$demo/values")" ms null null 5 \
    "$(quantile 0.5 <"$demo/values")" "$(quantile 0.99 <"$demo/values")" "$exec_victims"
}

bench_exec() {
  exec_mount
  start_exec_agent
  if any_wanted "${exec_keys[@]:0:8}"; then start_fapolicyd; fi
  if any_wanted "${exec_keys[@]:0:5}"; then bench_times; fi
  if any_wanted "${exec_keys[@]:5:3}"; then bench_storm; fi
  stop_fapolicyd
  if wanted revoke.kill_ms; then bench_revoke; fi
  undo_made
}
