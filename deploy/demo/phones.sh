# Part of quickstart.sh: the phones of the story. Sourced; needs lib.sh and story.sh.
# No phone is at hand: a simulator plays the UEM and the phones. Muster's part is the real one.
# shellcheck shell=bash disable=SC2034,SC2154
phone_blocked=false phone_allowed=false phone_not_enforceable=false
phone_hidden_ms=null phone_approve_to_installed_ms=null
ios_whatsapp=net.whatsapp.WhatsApp
alices_phone=a11ce000-0000-4000-8000-000000000001
alices_ipad=a11ce000-0000-4000-8000-000000000003
bobs_phone=b0b00000-0000-4000-8000-000000000002
uem_group=0b1f7a52-6b1c-4f0e-9a53-111122223333 # the UEM's copy of the group app-whatsapp
bridge_state=$demo/bridge
uem=$demo/uem

# Two iPhones on which their people installed WhatsApp, an iPad without it, and the app in the
# UEM's own catalogue.
write_uem_world() {
  cat <<END
{"managed_apps": [{"id": 101, "platform": "IOS", "bundle_id": "$ios_whatsapp",
                   "name": "WhatsApp"}],
 "users": ["alice@demo.test", "bob@demo.test"],
 "user_groups": [{"uuid": "$uem_group", "name": "app-whatsapp"}],
 "phones": [
  {"uuid": "$alices_phone", "user": "alice@demo.test", "name": "Alice's iPhone",
   "serial": "DEMOALICE001", "management": "SUPERVISED", "apps": ["$ios_whatsapp"]},
  {"uuid": "$alices_ipad", "user": "alice@demo.test", "name": "Alice's iPad",
   "serial": "DEMOALICE003", "management": "SUPERVISED"},
  {"uuid": "$bobs_phone", "user": "bob@demo.test", "name": "Bob's iPhone",
   "serial": "DEMOBOB00002", "management": "UNSUPERVISED", "apps": ["$ios_whatsapp"]}]}
END
}

write_bridge_config() {
  cat <<END
uem:
  kind: workspace-one
  url: http://127.0.0.1:$uem_port
  token_url: http://127.0.0.1:$uem_port/connect/token
  client_id_file: client-id
  client_secret_file: client-secret
  tenant_code_file: tenant-code
  organization_group: 570
  per_minute: 6000
apps:
  - app: whatsapp
    ios: {kind: public, id: 101, bundle: $ios_whatsapp}
    user_group: $uem_group
list_every: 5s
END
}

write_uem_files() (
  umask 077
  mkdir -p "$uem"
  echo muster >"$uem/client-id"
  echo secret-of-the-demo >"$uem/client-secret"
  echo code-of-the-demo >"$uem/tenant-code"
  write_uem_world >"$uem/world.json"
)

# It says itself on which port it listens.
uem_listens() {
  uem_port=$(sed -n 's,^listening on http://127.0.0.1:,,p' "$demo/log/muster-uem-simulator.log")
  [ -n "$uem_port" ]
}

# A phone hears of a command only after three seconds, so that it can be seen what is so before.
start_simulator() {
  write_uem_files
  start muster-uem-simulator --world "$uem/world.json" --client-id-file "$uem/client-id" \
    --client-secret-file "$uem/client-secret" --tenant-code-file "$uem/tenant-code" \
    --push-ms 3000 --check-in-seconds 2
  until_ok 10 uem_listens || fail "the simulated UEM does not answer"
  head -n 1 "$demo/log/muster-uem-simulator.log" | indent
}

enrol_bridge() {
  as uem-admin device token --bridge --owner uem@demo.test --ttl 10m --out "$demo/bridge-token" &&
  "$bin/muster-bridge" enroll --controller "127.0.0.1:$port" \
    --ca "$demo/tenant/pki/server-ca.pem" --token-file "$demo/bridge-token" \
    --state "$bridge_state" --name demo-bridge &&
  rm -f "$demo/bridge-token"
}

start_bridge() {
  step "  a bridge enrols with a single-use token" enrol_bridge
  (umask 077 && write_bridge_config >"$uem/bridge.yaml")
  start muster-bridge run --state "$bridge_state" --config "$uem/bridge.yaml"
}

# phone_row PERSON STATE: the line of their phone about WhatsApp when it is in that state.
phone_row() {
  as uem-admin report phones --person "$1@demo.test" --app whatsapp --state "$2" -o csv | sed 1d
}
phone_is() { phone_row "$1" "$2" | grep -q "$3"; }

show_phone() {
  as uem-admin report phones --app whatsapp --person "$1@demo.test" --state "$2" | indent
}

tell_phones_blocked() {
  say "8. Phones. A UEM manages them; Muster decides, tells it what to do, and reads back."
  start_simulator
  start_bridge
  local start
  start=$(now_ms)
  if until_ok 20 phone_is alice VIOLATION BY_PERSON; then show_phone alice VIOLATION; fi
  if until_ok 60 phone_is alice COMPLIANT HIDDEN; then
    phone_blocked=true
    phone_hidden_ms=$(($(now_ms) - start))
  fi
  echo "  bridge started -> WhatsApp on Alice's iPhone hidden: $phone_hidden_ms ms"
  show_phone alice COMPLIANT
  if until_ok 10 phone_is bob NOT_ENFORCEABLE BY_PERSON; then phone_not_enforceable=true; fi
  echo "  Bob's iPhone is not supervised, and Muster says what cannot be done there:"
  show_phone bob NOT_ENFORCEABLE
}

# A real UEM copies the directory by itself; this one is told who will be in the approval group. It
# is told first: the bridge asks for a sync as soon as the person is in there, and then half an hour
# later.
tell_uem_the_directory() {
  post "user-groups/$uem_group/directory" "{\"members\": [\"alice@demo.test\"]}"
}

# post PATH JSON: to the simulator's own control paths, which no UEM has.
post() {
  local answer
  exec 3<>"/dev/tcp/127.0.0.1/$uem_port"
  printf 'POST /simulator/%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s' \
    "$1" "${#2}" "$2" >&3
  answer=$(cat <&3)
  exec 3>&-
  [[ "$answer" == "HTTP/1.1 200"* ]]
}

alice_is_member() { as admin directory members whatsapp -o csv | grep -q alice@demo.test; }

tell_phone_allowed() {
  say "   Alice's need is approved: her iPhone shows WhatsApp again, and her iPad gets it by the UEM."
  as service-desk request submit --person alice@demo.test --app whatsapp --ticket INC0963541 \
    --justification "Liaison with a partner" --term 90d --training-acknowledged 2026-1 \
    -o yaml >"$demo/phone-request.yaml"
  local id start
  id=$(field request_id <"$demo/phone-request.yaml")
  tell_uem_the_directory || fail "the simulated UEM does not take its directory"
  start=$(now_ms)
  as soc-approver request approve "$id" --reason "Need is documented in the ticket" >/dev/null
  until_ok 10 alice_is_member || fail "the approval did not reach the directory"
  if until_ok 90 phone_is alice COMPLIANT ALLOW,COMPLIANT,MANAGED; then
    phone_allowed=true
    phone_approve_to_installed_ms=$(($(now_ms) - start))
  fi
  echo "  approved -> installed by the UEM and read back: $phone_approve_to_installed_ms ms"
  show_phone alice COMPLIANT
  "$bin/muster-bridge" status --state "$bridge_state" | indent
}

tell_phones() {
  tell_phones_blocked
  tell_phone_allowed
}
