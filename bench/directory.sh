#!/bin/bash
# A real directory server of known size for bench/run.sh, in a network namespace of this script's
# own (unshare -n), and the figures of one key.   directory.sh slapd|samba|agent DIR
# Prints lines of numbers: what was measured, then what ldapsearch alone takes. Ends what it started.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
bin=$root/build/bin
what=$1 dir=$2
mkdir -p "$dir"
ip link set lo up
pids=()
finish() {
  local code=$?
  trap - EXIT
  [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
  wait || true
  exit "$code"
}
trap finish EXIT
trap 'exit 143' TERM INT

now() { date +%s.%N; }
seconds() { # COMMAND...: how long it takes
  local before
  before=$(now)
  "$@" >/dev/null
  awk -v a="$before" -v b="$(now)" 'BEGIN {printf "%.3f", b - a}'
}
until_ok() { # COMMAND...
  local i
  for i in $(seq 600); do
    if "$@" >/dev/null 2>&1; then return 0; fi
    sleep 0.05
  done
  echo "gave up waiting for: $*" >&2
  return 1
}

# --- OpenLDAP: 60,000 persons, 20,000 of them in 20 groups below four below the approval group ---
people() {
  awk 'BEGIN {
    base = "dc=mdm,dc=test"
    printf "dn: %s\nobjectClass: dcObject\nobjectClass: organization\no: mdm\ndc: mdm\n\n", base
    printf "dn: cn=reader,%s\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: reader\nuserPassword: reader\n\n", base
    for (i = 1; i <= 2; i++) printf "dn: ou=%s,%s\nobjectClass: organizationalUnit\nou: %s\n\n", i == 1 ? "people" : "groups", base, i == 1 ? "people" : "groups"
    for (i = 0; i < 60000; i++) printf "dn: uid=u%05d,ou=people,%s\nobjectClass: inetOrgPerson\ncn: User %d\nsn: %d\nuid: u%05d\nmail: u%05d@mdm.test\n\n", i, base, i, i, i, i
    for (a = 0; a < 4; a++) for (b = 0; b < 5; b++) {
      printf "dn: cn=n%d-%d,ou=groups,%s\nobjectClass: groupOfNames\ncn: n%d-%d\n", a, b, base, a, b
      for (i = 0; i < 1000; i++) printf "member: uid=u%05d,ou=people,%s\n", (a * 5 + b) * 1000 + i, base
      printf "\n"
    }
    for (a = 0; a < 4; a++) {
      printf "dn: cn=n%d,ou=groups,%s\nobjectClass: groupOfNames\ncn: n%d\n", a, base, a
      for (b = 0; b < 5; b++) printf "member: cn=n%d-%d,ou=groups,%s\n", a, b, base
      printf "\n"
    }
    printf "dn: cn=wa,ou=groups,%s\nobjectClass: groupOfNames\ncn: wa\n", base
    for (a = 0; a < 4; a++) printf "member: cn=n%d,ou=groups,%s\n", a, base
    printf "\n"
  }'
}

start_slapd() {
  mkdir -p "$dir/db"
  (
    cd "$dir"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout key.pem \
      -out ca.pem -subj /CN=slapd -addext subjectAltName=IP:127.0.0.1 2>/dev/null
    cp /usr/sbin/slapd slapd
    printf %s reader >password
    cat >slapd.conf <<END
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload syncprov
TLSCertificateFile $dir/ca.pem
TLSCertificateKeyFile $dir/key.pem
sizelimit size.soft=1000 size.hard=1000 size.pr=1000 size.prtotal=unlimited
database mdb
maxsize 1073741824
suffix "dc=mdm,dc=test"
directory $dir/db
index objectClass,uid,entryUUID eq
access to attrs=userPassword by anonymous auth by * none
access to * by * read
overlay syncprov
syncprov-sessionlog 1000
END
    people >people.ldif
    ./slapd -T add -q -f slapd.conf -l people.ldif
  ) >&2
  "$dir/slapd" -d 0 -f "$dir/slapd.conf" -h "ldap://127.0.0.1 ldaps://127.0.0.1" >&2 2>&1 &
  pids+=($!)
  until_ok ldapsearch -x -s base -b '' -H ldap://127.0.0.1
}

raw_slapd() {
  LDAPTLS_CACERT=$dir/ca.pem ldapsearch -x -LLL -H ldaps://127.0.0.1 -D cn=reader,dc=mdm,dc=test \
    -y "$dir/password" -b dc=mdm,dc=test -E pr=1000/noprompt \
    '(|(objectClass=inetOrgPerson)(objectClass=groupOfNames))' uid cn mail entryUUID member
}

measure_slapd() {
  start_slapd
  local i
  for i in 1 2 3 4 5; do
    rm -rf "$dir/store"
    echo "$("$bin/directory_bench" --uri ldaps://127.0.0.1 --ca "$dir/ca.pem" \
      --bind cn=reader,dc=mdm,dc=test --password-file "$dir/password" \
      --base ou=people,dc=mdm,dc=test --group cn=wa,ou=groups,dc=mdm,dc=test \
      --store "$dir/store") $(seconds raw_slapd)"
  done
}

# --- Active Directory ---
start_samba() { # USERS
  local archive=$root/build/samba-bench-$1.tgz
  if [ ! -f "$archive" ]; then
    rm -rf "$dir/domain"
    "$root/tests/integration/samba_provision.sh" "$dir/domain" "$1" ||
      { tail -20 "$dir/domain/provision.log" >&2; exit 1; }
    tar -C "$dir" -czf "$archive.new" domain
    mv "$archive.new" "$archive"
  else
    rm -rf "$dir/domain"
    tar -C "$dir" -xzf "$archive"
  fi
  ad=$dir/domain
  # It names the folder it was made in.
  sed -i "s#/[^ ]*/domain/#$ad/#" "$ad"/dc1/etc/smb.conf
  samba -F --no-process-group -M single -s "$ad/dc1/etc/smb.conf" --debug-stdout \
    >"$dir/samba.log" 2>&1 &
  pids+=($!)
  until_ok ldapsearch -x -s base -b '' -H ldap://127.0.0.2 defaultNamingContext
}

as_sync() { # COMMAND...: ldapsearch and its like, as Muster's account
  local tool=$1
  shift
  LDAPTLS_CACERT=$ad/ca.pem "$tool" -x -H ldaps://127.0.0.2 -D svc-sync@mdm.test \
    -y "$ad/svc-sync-password" "$@"
}

raw_dirsync() { # COOKIE: "" for everything
  as_sync ldapsearch -LLL -b DC=mdm,DC=test -E "!dirSync=0/0${1:+/$1}" \
    '(|(objectClass=user)(objectClass=group))' sAMAccountName userPrincipalName mail displayName \
    userAccountControl accountExpires member
}

# change N: one member in, or the same one out again.
write_change_script() {
  cat >"$dir/change" <<END
#!/bin/bash
[ \$((\$1 % 2)) = 0 ] && verb=add || verb=delete
printf 'dn: CN=WA-Approved,OU=Groups,DC=mdm,DC=test\nchangetype: modify\n%s: member\nmember: CN=cy,OU=People,DC=mdm,DC=test\n' \$verb |
  LDAPTLS_CACERT=$ad/ca.pem ldapmodify -x -H ldaps://127.0.0.2 -D svc-write@mdm.test \
    -y $ad/svc-write-password >/dev/null
END
  chmod +x "$dir/change"
}

measure_samba() {
  start_samba "${MUSTER_BENCH_AD_USERS:-20000}"
  write_change_script
  local i cookie
  for i in 1 2 3; do
    rm -rf "$dir/store"
    "$bin/directory_bench" --uri ldaps://127.0.0.2 --ca "$ad/ca.pem" --bind svc-sync@mdm.test \
      --password-file "$ad/svc-sync-password" --base DC=mdm,DC=test \
      --group CN=WA-Approved,OU=Groups,DC=mdm,DC=test --store "$dir/store" \
      --changes 10 --change "$dir/change" >"$dir/figures"
    sed 's/^/initial /;2,$ s/^initial/delta/' "$dir/figures"
    echo "raw_initial $(seconds raw_dirsync '')"
    cookie=$(raw_dirsync '' 2>&1 | sed -n 's/^# DirSync control.*cookie: //p;s/^# .*cookie:: //p' | tail -1)
    "$dir/change" 0
    echo "raw_delta $(seconds raw_dirsync "$cookie")"
    "$dir/change" 1
  done
}

# --- Active Directory -> musterd -> an agent that verifies it ---
as() {
  local role=$1
  shift
  "$bin/musterctl" --profile "$dir/operators/$role.yaml" "$@"
}

start_tenant() {
  "$bin/musterd" init --dir "$dir/tenant" --tenant bench >&2
  cat >"$dir/musterd.yaml" <<END
listen: 127.0.0.1:7443
data_dir: tenant
directory:
  kind: ldap
  write_back: false
  groups:
    whatsapp: CN=WA-Approved,OU=Groups,DC=mdm,DC=test
  roles:
    service-desk: CN=Bench-Desk,OU=Groups,DC=mdm,DC=test
    soc-approver: CN=Bench-Soc,OU=Groups,DC=mdm,DC=test
    uem-admin: CN=Bench-Soc,OU=Groups,DC=mdm,DC=test
    trm-officer: CN=Bench-Soc,OU=Groups,DC=mdm,DC=test
  ldap:
    uri: ldaps://127.0.0.2
    ca_file: $ad/ca.pem
    bind_dn: svc-sync@mdm.test
    bind_password_file: $ad/svc-sync-password
    base_dn: DC=mdm,DC=test
END
  local role
  for role in desk:dan soc:eve; do
    "$bin/musterd" operator --dir "$dir/tenant" --name "${role%:*}" --upn "${role#*:}@mdm.test" \
      --server 127.0.0.1:7443 --out "$dir/operators" >&2
  done
  "$bin/musterd" run --config "$dir/musterd.yaml" >"$dir/musterd.log" 2>&1 &
  pids+=($!)
  until_ok as desk policy show
  (cd "$root" && as soc apply -f policies) >&2
  until_ok as desk person show cy@mdm.test
}

start_agent() {
  as soc device token --platform linux --owner cy@mdm.test --ttl 10m --out "$dir/token" >&2
  "$bin/muster-agent" enroll --controller 127.0.0.1:7443 --ca "$dir/tenant/pki/server-ca.pem" \
    --token-file "$dir/token" --state "$dir/agent" >&2
  mkdir -p "$dir/tmpfs"
  mount -t tmpfs tmpfs "$dir/tmpfs"
  mkdir -p "$dir/browsers"
  "$bin/muster-agent" run --state "$dir/agent" --filesystems "$dir/tmpfs" \
    --browser-root "$dir/browsers" >"$dir/agent.log" 2>&1 &
  pids+=($!)
}

request_state() {
  as desk request show "$1" -o csv | awk -F, 'NR == 1 {for (i = 1; i <= NF; i++) if ($i == "state") c = i} NR == 2 {print $c}'
}
request_is() { [ "$(request_state "$1")" = "$2" ]; }

measure_agent() {
  start_samba 0
  write_change_script
  start_tenant
  start_agent
  local i id before
  for i in 1 2 3 4 5; do
    id=$(as desk request submit --person cy@mdm.test --app whatsapp --ticket "INC$i" \
      --justification bench --training-acknowledged 2026-1 -o yaml | sed -n 's/^ *request_id: "\{0,1\}\(REQ-[0-9]*\).*/\1/p')
    as soc request approve "$id" --reason bench >&2
    until_ok request_is "$id" PROVISIONING
    before=$(now)
    "$dir/change" 0
    until_ok request_is "$id" ACTIVE
    awk -v a="$before" -v b="$(now)" 'BEGIN {printf "%.3f\n", b - a}'
    "$dir/change" 1
    until_ok eval '[ -z "$(as desk grant list -o csv | grep -v REVOK | grep cy@mdm.test)" ]'
  done
}

"measure_$what"
