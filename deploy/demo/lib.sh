# Parts of quickstart.sh: tenant, programs, clean-up. Sourced; needs $root.
# shellcheck shell=bash disable=SC2034
demo=${MUSTER_DEMO_DIR:-$root/build/demo} # bench/run.sh has its own
bin=$root/build/bin
made=$demo-made # what an earlier run put on this machine, one "kind name" per line
agent_state=$demo/agent

fail() {
  echo "${tool:-quickstart}: $1" >&2
  exit "${2:-1}"
}

now_ms() {
  local t=${EPOCHREALTIME/[.,]/}
  echo $((t / 1000))
}

say() {
  if [ -t 1 ]; then printf '\n\033[1m%s\033[0m\n' "$*"; else printf '\n%s\n' "$*"; fi
}
indent() { sed 's/^/    /'; }

# step TITLE COMMAND...: runs it and says how long it took; its output only on failure.
step() {
  local title=$1 start log
  shift
  start=$(now_ms)
  log=$(mktemp)
  if ! "$@" >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    fail "'$title' failed, see above"
  fi
  rm -f "$log"
  printf '%-58s %7d ms\n' "$title" $(($(now_ms) - start))
}

build_programs() {
  [ -f "$root/build/build.ninja" ] || cmake --preset release -DMUSTER_TESTS=OFF
  ninja -C "$root/build" musterd muster-agent musterctl demo-chat muster-bridge muster-uem-simulator
}

# until_ok SECONDS COMMAND...: repeats it until it succeeds.
until_ok() {
  local deadline=$(($(now_ms) + $1 * 1000))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$(now_ms)" -lt "$deadline" ] || return 1
    sleep 0.02
  done
}

note_made() { echo "$1 $2" >>"$made"; }

# Ends a process only when it is the program we think it is.
stop_program() {
  local pid=$1 program=$2 exe i
  exe=$(readlink "/proc/$pid/exe" 2>/dev/null) || return 0 # it has ended by itself
  exe=${exe% (deleted)}
  # `muster-agent run` becomes the supervisor.
  case "$program:$exe" in
    "$program:$bin/$program" | "muster-agent:$bin/muster-supervisor") ;;
    *) return 0 ;;
  esac
  kill "$pid" 2>/dev/null || return 0
  for i in $(seq 100); do
    [ -d "/proc/$pid" ] && [ "$(awk '/^State/ {print $2}' "/proc/$pid/status" 2>/dev/null)" != Z ] || return 0
    sleep 0.05
  done
  kill -KILL "$pid" 2>/dev/null || true
}

# tree_pids PID: it and all that descends from it; the agent is several processes.
tree_pids() {
  local child
  echo "$1"
  for child in $(cat "/proc/$1/task/"*/children 2>/dev/null); do tree_pids "$child"; done
}

# still_there PID: a program of ours, not one that has ended and waits for its parent to look.
still_there() {
  case "$(readlink "/proc/$1/exe" 2>/dev/null)" in "$bin"/*) return 0 ;; esac
  return 1
}

# Takes back everything named in $made: programs first, so that nothing is blocked any more. A
# program of ours that stays is a failure: it would go on blocking.
left_running=""
undo_made() {
  [ -f "$made" ] || return 0
  local kind name rest
  while read -r kind name rest; do
    if [ "$kind" = pid ]; then stop_program "$name" "$rest"; fi
  done < <(tac "$made")
  while read -r kind name rest; do
    if [ "$kind" = pid ] && still_there "$name"; then
      echo "process $name ($rest) could not be ended; end it with: kill $name" >&2
      left_running=yes
    fi
  done <"$made"
  while read -r kind name; do
    case "$kind" in
      package) dpkg --purge "$name" >/dev/null 2>&1 || true ;;
      account) userdel "$name" >/dev/null 2>&1 || true ;;
    esac
  done <"$made"
  rm -f "$made"
}

heal_leftovers() {
  if [ -f "$made" ]; then echo "clearing up after an earlier run that did not end cleanly"; fi
  undo_made
  rm -rf "$demo"
  mkdir -p "$demo/log"
  chmod 0711 "$demo"
}

clean_up() {
  local code=$?
  trap - EXIT INT TERM
  undo_made
  [ -z "$left_running" ] || [ "$code" -ne 0 ] || code=1
  if [ "$code" -ne 0 ] && [ "$code" -ne 130 ] && [ -d "$demo/log" ]; then
    tail -n 5 "$demo"/log/*.log >&2 2>/dev/null || true
  fi
  exit "$code"
}

# musterctl as one of the demo's operators.
as() {
  local role=$1
  shift
  "$bin/musterctl" --profile "$demo/operators/$role.yaml" "$@"
}

# field NAME: the value of a top-level field of `-o yaml` output.
field() { sed -n "s/^$1: \"\{0,1\}\([^\"]*\)\"\{0,1\}\$/\1/p"; }

free_port() {
  local p
  for p in $(seq 7443 7499); do
    (exec 3<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null || { echo "$p"; return; }
  done
  fail "no free port between 7443 and 7499"
}

add_account() {
  id "$1" >/dev/null 2>&1 && return 0
  note_made account "$1"
  useradd --home-dir "$demo/homes/$1" --create-home --skel /dev/null \
    --shell /usr/sbin/nologin --comment "Muster demo" "$1"
}

write_config() {
  cat >"$demo/musterd.yaml" <<END
listen: 127.0.0.1:$port
data_dir: tenant
how_to_ask: Ask the service desk (tsd@demo.test) for an approval; name the app and this device.
directory:
  kind: ldif
  ldif_file: directory.ldif
  groups:
    demo-chat: cn=app-demo-chat,ou=groups,dc=demo,dc=test
    whatsapp: cn=app-whatsapp,ou=groups,dc=demo,dc=test
  roles:
    service-desk: cn=role-service-desk,ou=groups,dc=demo,dc=test
    soc-approver: cn=role-soc-approver,ou=groups,dc=demo,dc=test
    uem-admin: cn=role-uem-admin,ou=groups,dc=demo,dc=test
    trm-officer: cn=role-trm-officer,ou=groups,dc=demo,dc=test
    records-officer: cn=role-records-officer,ou=groups,dc=demo,dc=test
    auditor: cn=role-auditor,ou=groups,dc=demo,dc=test
    admin: cn=role-admin,ou=groups,dc=demo,dc=test
END
}

issue_operators() {
  local role
  for role in service-desk:tsd soc-approver:soc soc-second:soc2 uem-admin:uem trm-officer:trm \
    records-officer:rim auditor:auditor admin:admin; do
    "$bin/musterd" operator --dir "$demo/tenant" --name "${role%:*}" --upn "${role#*:}@demo.test" \
      --server "127.0.0.1:$port" --out "$demo/operators"
  done
  printf 'server: 127.0.0.1:%s\nca: %s\ntoken: by-password.token\n' "$port" \
    "$demo/tenant/pki/server-ca.pem" >"$demo/operators/by-password.yaml"
  if [ -n "${SUDO_UID:-}" ]; then chown -R "$SUDO_UID:${SUDO_GID:-0}" "$demo/operators"; fi
}

make_tenant() {
  port=$(free_port)
  cp "$root/deploy/demo/directory.ldif" "$demo/directory.ldif"
  mkdir -p "$demo/homes" "$demo/records/incoming" "$demo/policies"
  chmod 0711 "$demo/homes"
  {
    cat "$root/policies/retention.yaml"
    printf 'repository:\n  id: demo-records\n  path: %s\n' "$demo/records"
  } >"$demo/policies/retention.yaml"
  write_config
  step "Tenant: keys, certificates, root of trust" \
    "$bin/musterd" init --dir "$demo/tenant" --tenant demo
  step "Operators of seven roles, known by directory groups" issue_operators
  step "Accounts muster-alice and muster-bob" eval 'add_account muster-alice && add_account muster-bob'
}

# start NAME PROGRAM ARGS...: in the background, in a session of its own, so that Ctrl-C reaches
# this script alone, which then stops it.
start() {
  local name=$1
  shift
  setsid "$bin/$name" "$@" >>"$demo/log/$name.log" 2>&1 </dev/null &
  started_pid=$!
  note_made pid "$started_pid $name"
}

start_controller() {
  start musterd run --config "$demo/musterd.yaml"
  controller_pid=$started_pid
  step "Controller answers on 127.0.0.1:$port" until_ok 20 as admin policy show
  step "Policies: 42 blocked apps, TRM, the demo app" eval \
    'as admin apply -f policies && as admin apply -f deploy/demo/policies &&
     as admin apply -f "$demo/policies"'
}

agent_mode() { as admin device list -o csv | awk -F, 'NR == 2 {print $6}'; }
device_id() { as admin device list -o csv | awk -F, 'NR == 2 {print $1}'; }
agent_enforces() { [ "$(agent_mode)" = ENFORCING ]; }

enrol() {
  as uem-admin device token --platform linux --owner alice@demo.test --ttl 10m \
    --out "$demo/token" &&
    "$bin/muster-agent" enroll --controller "127.0.0.1:$port" \
    --ca "$demo/tenant/pki/server-ca.pem" --token-file "$demo/token" --state "$agent_state" &&
    rm -f "$demo/token"
}

enrol_and_start_agent() {
  step "This machine enrols with a single-use token" enrol
  mkdir -p "$demo/browsers"  # nothing is left behind in this machine's browsers
  # shellcheck disable=SC2086  # MUSTER_AGENT_FLAGS is a list: e.g. --filesystems /usr
  start muster-agent run --state "$agent_state" --browser-root "$demo/browsers" \
    --home-dir "$demo/homes" \
    ${MUSTER_AGENT_FLAGS:-}
  agent_pid=$started_pid
  step "Agent enforces the signed policy on this machine" until_ok 20 agent_enforces
  device=$(device_id)
}
