#!/bin/bash
# Measures what docs/performance.md promises.   bench/run.sh [KEY...] [--json]
# Builds what it needs, needs root, and prints one line per key: JSON with --json.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
export MUSTER_DEMO_DIR=$root/build/bench-demo
source "$root/bench/lib.sh"
source "$root/bench/exec.sh"
source "$root/bench/export.sh"
source "$root/bench/audit.sh"
source "$root/bench/audit_export.sh"
source "$root/bench/phones.sh"

soak_keys=(agent.rss_kb agent.cpu_pct agent.soak_kb)
all_keys=("${exec_keys[@]}" install.report_ms approve.allow_ms revoke.block_ms
  push.p99_ms push.signed_per_approval directory.full_60k_s directory.full_60k_kb
  directory.dirsync_20k_s directory.delta_s directory.ad_to_agent_s requests.list_ms
  requests.page_ms requests.filter_ms requests.ticket_ms apply.dry_run_s "${export_keys[@]}"
  "${audit_keys[@]}" "${audit_export_keys[@]}" "${phones_keys[@]}"
  "${soak_keys[@]}")
for arg in "$@"; do
  case "$arg" in
    --json) json=yes ;;
    -*) fail "unknown argument '$arg'; use [KEY...] [--json]" 2 ;;
    *)
      [[ " ${all_keys[*]} " == *" $arg "* ]] || fail "no such key '$arg'; there are: ${all_keys[*]}" 2
      keys+=("$arg") ;;
  esac
done
# Who names no key gets a slice of the long ones.
soak_minutes=20 leak_minutes=60
[ ${#keys[@]} -gt 0 ] || { keys=("${all_keys[@]}") soak_minutes=2 leak_minutes=2; }
[ "$(id -u)" -eq 0 ] || exec sudo "$0" "$@"
own_world "$0" "$@"

# --- what the quickstart measures through everything, five times ---
report_value() { sed -n "s/^ *\"$1\": \([0-9.]*\),\{0,1\}$/\1/p" "$2"; }

bench_story() {
  local runs=5 i key field
  for i in $(seq $runs); do
    env -u MUSTER_DEMO_DIR MUSTER_QUICKSTART_BUILT=yes "$root/deploy/quickstart.sh" --once \
      --report "$demo/report-$i.json" >&2
  done
  for key in install.report_ms:install_to_reported_ms:ms \
    approve.allow_ms:approve_to_allowed_ms:ms revoke.block_ms:revoke_to_blocked_ms:ms; do
    IFS=: read -r key field unit <<<"$key"
    for i in $(seq $runs); do report_value "$field" "$demo/report-$i.json"; done >"$demo/values"
    emit "$key" "$(quantile 0.5 <"$demo/values")" "$unit" null null "$runs" \
      "$(quantile 0.5 <"$demo/values")" "$(quantile 0.99 <"$demo/values")" null
  done
}

# --- push.p99_ms: approval -> verified on its device, with MUSTER_BENCH_AGENTS connected ---
push_directory() {
  echo "version: 1"
  printf '\ndn: cn=wa,dc=bench,dc=test\nobjectClass: groupOfNames\ncn: wa\n'
  printf 'entryUUID: 0a000000-0000-4000-9000-000000000001\nmember: cn=placeholder,dc=bench,dc=test\n'
  local i
  for i in desk soc; do
    printf '\ndn: cn=%s-roles,dc=bench,dc=test\nobjectClass: groupOfNames\ncn: %s-roles\n' "$i" "$i"
    printf 'entryUUID: 0a000000-0000-4000-9000-%012x\nmember: uid=%s,dc=bench,dc=test\n' \
      $((++serial)) "$i"
  done
  for i in desk soc $(seq -f 'user%.0f' "$1"); do
    printf '\ndn: uid=%s,dc=bench,dc=test\nobjectClass: inetOrgPerson\n' "$i"
    printf 'entryUUID: 0a000000-0000-4000-8000-%012x\n' $((++serial))
    printf 'uid: %s\ncn: %s\nsn: Bench\nmail: %s@bench.test\n' "$i" "$i" "$i"
  done
}

# bench_tenant PERSONS: a directory file, a tenant and operators; starts nothing.
bench_tenant() {
  local serial=16 role
  port=$(free_port)
  push_directory "$1" >"$demo/directory.ldif"
  cat >"$demo/musterd.yaml" <<END
listen: 127.0.0.1:$port
data_dir: tenant
directory:
  kind: ldif
  ldif_file: directory.ldif
  groups:
    whatsapp: cn=wa,dc=bench,dc=test
  roles:
    service-desk: cn=desk-roles,dc=bench,dc=test
    soc-approver: cn=soc-roles,dc=bench,dc=test
    uem-admin: cn=soc-roles,dc=bench,dc=test
END
  "$bin/musterd" init --dir "$demo/tenant" --tenant bench >&2
  for role in desk soc; do
    "$bin/musterd" operator --dir "$demo/tenant" --name "$role" --upn "$role@bench.test" \
      --server "127.0.0.1:$port" --out "$demo/operators" >&2
  done
  "$bin/musterd" operator --dir "$demo/tenant" --name admin --upn admin@bench.test --admin \
    --server "127.0.0.1:$port" --out "$demo/operators" >&2
}

# --- requests.*, apply.dry_run_s: 10,000 open requests and 65,000 devices, over mutual TLS ---
ms_of() { awk -v name="$1" '$1 == name {printf "%.2f\n", $2 * 1000}' "$demo/figures"; }
bench_decisions() {
  local requests=10000 devices=65000 key
  bench_tenant 10
  "$bin/decisions" seed "$demo/tenant/db" "$requests" "$devices" >&2
  cp -r policies "$demo/policies"
  start musterd run --config "$demo/musterd.yaml"
  until_ok 60 as admin policy show || fail "the controller does not answer"
  as admin apply -f policies >&2
  # An app goes, and one status changes.
  rm "$demo/policies/catalogue/wickr.yaml"

  sed -i '0,/status: RESTRICTED/s//status: PROHIBITED/' "$demo/policies/trm.yaml"
  awk 'BEGIN {RS = "  - app: "; ORS = ""} NR == 1 {print; next} !/^wickr\n/ {print "  - app: " $0}' \
    "$demo/policies/trm.yaml" >"$demo/trm" && mv "$demo/trm" "$demo/policies/trm.yaml"
  sleep 5 # the first publication for every device is over or pauses
  "$bin/decisions" measure "$demo/operators/admin.yaml" "$demo/policies" >"$demo/figures"
  for key in list page filter ticket; do
    emit "requests.${key}_ms" "$(ms_of "$key" | quantile 0.5)" ms null null 30 \
      "$(ms_of "$key" | quantile 0.5)" "$(ms_of "$key" | quantile 0.99)" "$requests"
  done
  of apply 2 | emit_s apply.dry_run_s null "$devices"
}

bench_push() {
  local agents=${MUSTER_BENCH_AGENTS:-1000} approvals=200 out
  [ "$approvals" -le "$agents" ] || approvals=$agents
  bench_tenant "$agents"
  start musterd run --config "$demo/musterd.yaml"
  until_ok 30 as admin policy show || fail "the controller does not answer"
  until_ok 30 eval '[ "$(as admin directory status -o json | tr -d " \n" | grep -c "\"persons\":")" = 1 ]'
  as admin apply -f policies >&2
  out=$("$bin/fleet" --server "127.0.0.1:$port" --ca "$demo/tenant/pki/server-ca.pem" \
    --operators "$demo/operators" --agents "$agents" --approvals "$approvals")
  local p50 p99 signed n
  read -r p50 p99 signed n <<<"$out"
  emit push.p99_ms "$p99" ms null null "$n" "$p50" "$p99" "$agents"
  emit push.signed_per_approval "$signed" docs null null "$n" null null "$agents"
}

# --- directory.*: real servers in a network namespace, and ldapsearch alone in the same run ---
directory_figures() { # slapd|samba|agent
  rm -rf "$demo/directory"
  unshare -n -m "$root/bench/directory.sh" "$1" "$demo/directory" >"$demo/figures" ||
    fail "bench/directory.sh $1 failed"
}

# emit_s KEY BASELINE SIZE: the seconds on standard input, against a baseline; "null": none.
emit_s() {
  sort -n >"$demo/values"
  local p50
  p50=$(quantile 0.5 <"$demo/values")
  emit "$1" "$p50" s "$2" "$(quotient "$p50" "$2")" \
    "$(wc -l <"$demo/values")" "$p50" "$(quantile 0.99 <"$demo/values")" "$3"
}

# of NAME COLUMN: of the lines that begin with NAME.
of() { awk -v name="$1" -v column="$2" '$1 == name {print $column}' "$demo/figures"; }

bench_slapd() {
  directory_figures slapd
  awk '{print $1}' "$demo/figures" | emit_s directory.full_60k_s \
    "$(awk '{print $5}' "$demo/figures" | quantile 0.5)" 60000
  local kb
  kb=$(awk '{print $2}' "$demo/figures" | quantile 0.5)
  emit directory.full_60k_kb "$kb" kB null null 5 "$kb" "$(awk '{print $2}' "$demo/figures" | quantile 0.99)" 60000
}

bench_samba() {
  directory_figures samba
  local users=${MUSTER_BENCH_AD_USERS:-20000}
  of initial 2 | emit_s directory.dirsync_20k_s "$(of raw_initial 2 | quantile 0.5)" "$users"
  of delta 2 | emit_s directory.delta_s "$(of raw_delta 2 | quantile 0.5)" "$users"
}

bench_ad_to_agent() {
  directory_figures agent
  emit_s directory.ad_to_agent_s null 1 <"$demo/figures"
}

# --- agent.*: package installs and removals for a long time; a program of its own ---
bench_soak() {
  local flags=() soak=(env -u MUSTER_BENCH_WORLD -u MUSTER_DEMO_DIR "$root/bench/soak.sh")
  [ -z "$json" ] || flags+=(--json)
  if wanted agent.rss_kb || wanted agent.cpu_pct; then
    "${soak[@]}" --minutes "${MUSTER_SOAK_MINUTES:-$soak_minutes}" "${flags[@]}"
  fi
  if wanted agent.soak_kb; then
    "${soak[@]}" --leak --minutes "${MUSTER_SOAK_MINUTES:-$leak_minutes}" "${flags[@]}"
  fi
}

finish() {
  local code=$?
  trap - EXIT INT TERM
  undo_made
  [ -z "$left_running" ] || [ "$code" -ne 0 ] || code=1
  stop_fapolicyd
  exit "$code"
}

packages=(build)
if any_wanted "${exec_keys[@]}" "${export_keys[@]}" "${soak_keys[@]}"; then packages+=(bench); fi
if [[ " ${keys[*]} " == *" directory."* ]]; then packages+=(test); fi
"$root/deploy/install-deps.sh" --quiet "${packages[@]}" >&2
step "Build" eval 'build_programs && ninja -C "$root/build" exec_time exec_storm revoke_time fleet \
  directory_bench decisions export_read audit_log audit_export phones bridge_beacons' >&2
heal_leftovers
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
cd "$root"
if any_wanted "${exec_keys[@]}"; then bench_exec; fi
if any_wanted install.report_ms approve.allow_ms revoke.block_ms; then
  bench_story
fi
if wanted push.p99_ms || wanted push.signed_per_approval; then
  undo_made
  heal_leftovers
  bench_push
fi
if [[ " ${keys[*]} " == *" requests."* ]] || wanted apply.dry_run_s; then
  undo_made
  heal_leftovers
  bench_decisions
fi
if wanted directory.full_60k_s || wanted directory.full_60k_kb; then bench_slapd; fi
if wanted directory.dirsync_20k_s || wanted directory.delta_s; then bench_samba; fi
if wanted directory.ad_to_agent_s; then bench_ad_to_agent; fi
if any_wanted "${export_keys[@]}"; then bench_export; fi
if any_wanted "${audit_keys[@]}"; then bench_audit; fi
if any_wanted "${audit_export_keys[@]}"; then bench_audit_export; fi
if any_wanted "${phones_keys[@]}"; then bench_phones; fi
if any_wanted "${soak_keys[@]}"; then bench_soak; fi
