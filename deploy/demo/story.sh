# Parts of quickstart.sh: the story and its report. Sourced; needs lib.sh.
# shellcheck shell=bash disable=SC2034,SC2154
blocked_before=false allowed_after=false blocked_after_revoke=false bob_blocked=false
chat_seen=false chat_receipted=false audit_verified=false export_to_seen_ms=null approve_to_allowed_ms=null revoke_to_blocked_ms=null install_to_reported_ms=null
demo_app=/usr/bin/demo-chat

# run_as ACCOUNT COMMAND...: as if that person had logged in: real uid and login uid.
run_as() {
  local account=$1
  shift
  bash -c 'echo "$1" >/proc/self/loginuid || true
    exec setpriv --reuid "$1" --regid "$2" --clear-groups -- "${@:3}"' \
    run_as "$(id -u "$account")" "$(id -g "$account")" "$@" 2>&1
}

may_run() { run_as "$1" "$demo_app" >/dev/null; }
is_blocked() {
  local output
  ! output=$(run_as "$1" "$demo_app") && [[ "$output" == *"Operation not permitted"* ]]
}

# try ACCOUNT: shows what happens when that person starts the app.
try() {
  echo "  $1 runs demo-chat:"
  run_as "$1" "$demo_app" | grep -v loginuid | indent || true
}

why() {
  echo "  why ($1):"
  as service-desk explain --person "$1" --device "$device" --app demo-chat | indent
}

install_app() {
  local i
  note_made package muster-demo-chat
  for i in $(seq 60); do # another apt may hold dpkg's lock
    dpkg -i "$deb" >"$demo/log/dpkg.log" 2>&1 && return 0
    grep -q lock "$demo/log/dpkg.log" || break
    sleep 1
  done
  cat "$demo/log/dpkg.log" >&2
  return 1
}

app_reported() { as uem-admin device list --app demo-chat -o csv | grep -q "^$device,"; }

tell_install() {
  say "1. Alice's laptop gets demo-chat. Its TRM status is RESTRICTED and nobody is approved."
  deb=$("$root/deploy/demo/app/package.sh" "$bin/demo-chat" "$demo")
  step "  package installed" install_app
  local start
  start=$(now_ms)
  until_ok 10 app_reported || fail "the agent did not report the installed package"
  install_to_reported_ms=$(($(now_ms) - start))
  echo "  installed -> reported: $install_to_reported_ms ms"
  if is_blocked muster-alice; then blocked_before=true; fi
  try muster-alice
  why alice@demo.test
}

tell_approval() {
  say "2. The service desk files a request; the SOC approves it."
  as service-desk request submit --person alice@demo.test --app demo-chat --ticket INC0963540 \
    --justification "Needs it to show what Muster does" --term 90d --training-acknowledged 2026-1 \
    -o yaml >"$demo/request.yaml"
  request=$(field request_id <"$demo/request.yaml")
  echo "  request $request: $(field state <"$demo/request.yaml")"
  local start
  start=$(now_ms)
  as soc-approver request approve "$request" --reason "Need is documented in the ticket" \
    >/dev/null
  if until_ok 10 may_run muster-alice; then
    allowed_after=true
    approve_to_allowed_ms=$(($(now_ms) - start))
  fi
  grant=$(as soc-approver request show "$request" -o yaml | field grant_id)
  echo "  approved -> allowed: $approve_to_allowed_ms ms (grant $grant)"
  try muster-alice
  why alice@demo.test
}

tell_bob() {
  say "3. Bob shares the laptop. The grant is Alice's, not the machine's."
  if is_blocked muster-bob; then bob_blocked=true; fi
  try muster-bob
  why bob@demo.test
}

# A chat as the app on a phone exports it: one message on each of the last 25 days.
write_chat() {
  local day
  echo "$(date -d '25 days ago' +%d/%m/%Y), 08:00 - Messages and calls are end-to-end encrypted. No one outside of this chat, not even WhatsApp, can read or listen to them. Tap to learn more."
  for day in $(seq 25 -1 1); do
    echo "$(date -d "$day days ago" +%d/%m/%Y), 09:30 - Carla: The bus leaves at nine"
  done
}

chat_level() { as records-officer archive status -o json | grep -q "\"level\": \"$1\""; }

bag_waits() { [ -n "$(ls "$demo/records/incoming")" ]; }

tell_archive() {
  say "4. What Alice writes is a record. She exports a chat into her folder; nobody else reads it."
  local folder="$demo/homes/muster-alice/Chat exports" start
  until_ok 10 test -d "$folder" || fail "the agent did not make the export folder"
  write_chat >"$demo/chat.txt"
  "$bin/muster-agent" archive inspect "$demo/chat.txt" | indent
  start=$(now_ms)
  install -o muster-alice -m 0600 "$demo/chat.txt" "$folder/WhatsApp Chat with Carla.txt"
  if until_ok 20 chat_level E2_SEEN; then
    chat_seen=true
    export_to_seen_ms=$(($(now_ms) - start))
  fi
  echo "  exported -> evidence at the controller: $export_to_seen_ms ms, a part of it waiting until the file is whole"
  say "5. The records office takes it in and signs a receipt."
  until_ok 20 bag_waits || true
  as records-officer records receive "$demo/records" --key "$demo/tenant/root-keys/records.key" |
    indent
  if until_ok 10 chat_level E3_RECEIPTED; then chat_receipted=true; fi
  as records-officer report archive --by person | indent
}

tell_revocation() {
  say "6. The need is gone: the grant is revoked."
  local start
  start=$(now_ms)
  as soc-approver grant revoke "$grant" --reason "Need has ended" >/dev/null
  if until_ok 10 is_blocked muster-alice; then
    blocked_after_revoke=true
    revoke_to_blocked_ms=$(($(now_ms) - start))
  fi
  echo "  revoked -> blocked: $revoke_to_blocked_ms ms"
  try muster-alice
  why alice@demo.test
}

# memory PID FIELD: kB from the kernel's summary of all mappings, of it and its descendants.
memory() {
  local pid
  for pid in $(tree_pids "$1"); do cat "/proc/$pid/smaps_rollup" 2>/dev/null || true; done |
    awk -v f="$2:" '$1 == f {sum += $2} END {print sum + 0}'
}

# The auditor takes the log along, and what the laptop has seen of it; neither the controller nor
# Muster's own programs are needed to check them.
tell_audit() {
  say "7. All of it is in the audit log, and the auditor need not take anybody's word for it."
  as auditor audit list --no-reads --about "request/$request" -o csv | cut -d, -f1-6 | indent
  local log="$demo/audit" key="$demo/tenant/trust/audit-log.vkey"
  "$bin/muster-agent" witness --state "$agent_state" --out "$demo/laptop.checkpoint" | indent
  as auditor audit export "$log" | indent
  if "$bin/musterctl" audit verify "$log" --key "$key" --witness "$demo/laptop.checkpoint" | indent
  then audit_verified=true; fi
  # The same by somebody else's rules: a page of Python without a library.
  if command -v python3 >/dev/null; then
    python3 "$root/docs/verify_audit.py" "$log" "$key" | indent
  fi
}

play_story() {
  tell_install
  tell_approval
  tell_bob
  tell_archive
  tell_revocation
  tell_audit
  tell_phones
  agent_rss_kb=$(memory "$agent_pid" Rss)
  agent_pss_kb=$(memory "$agent_pid" Pss)
  controller_rss_kb=$(memory "$controller_pid" Rss)
  say "Agent: $agent_rss_kb kB resident. Controller: $controller_rss_kb kB."
}

write_report() {
  [ -n "$report" ] || return 0
  cat >"$report" <<END
{
  "blocked_before": $blocked_before,
  "allowed_after": $allowed_after,
  "blocked_after_revoke": $blocked_after_revoke,
  "other_user_blocked": $bob_blocked,
  "chat_seen": $chat_seen,
  "chat_receipted": $chat_receipted,
  "audit_verified": $audit_verified,
  "phone_blocked": $phone_blocked,
  "phone_not_enforceable": $phone_not_enforceable,
  "phone_allowed": $phone_allowed,
  "export_to_seen_ms": $export_to_seen_ms,
  "approve_to_allowed_ms": $approve_to_allowed_ms,
  "revoke_to_blocked_ms": $revoke_to_blocked_ms,
  "install_to_reported_ms": $install_to_reported_ms,
  "phone_hidden_ms": $phone_hidden_ms,
  "phone_approve_to_installed_ms": $phone_approve_to_installed_ms,
  "agent_rss_kb": $agent_rss_kb,
  "agent_pss_kb": $agent_pss_kb,
  "controller_rss_kb": $controller_rss_kb,
  "version": "$("$bin/musterctl" --version | cut -d' ' -f2)",
  "kernel": "$(uname -r)"
}
END
  if [ -n "${SUDO_UID:-}" ]; then chown "$SUDO_UID:${SUDO_GID:-0}" "$report"; fi
}

stay_up() {
  say "Everything is up. In another terminal:"
  indent <<END
export MUSTER_PROFILE=$demo/operators/soc-approver.yaml
$bin/musterctl request list
$bin/musterctl blocklist show
$bin/musterctl device show $device
$bin/musterctl explain --person alice@demo.test --device $device --app whatsapp
$bin/muster-agent status --state $agent_state
$bin/musterctl report phones
$bin/muster-bridge status --state $bridge_state
Other operators: $(cd "$demo/operators" && echo *.yaml)
By password ("demo"): $bin/musterctl --profile $demo/operators/by-password.yaml login --user soc@demo.test
Logs: $demo/log/
END
  say "Ctrl-C stops it and takes the demo's accounts and package away again."
  while [ -d "/proc/$agent_pid" ] && [ -d "/proc/$controller_pid" ]; do sleep 1; done
  fail "a program ended by itself; see $demo/log/"
}
