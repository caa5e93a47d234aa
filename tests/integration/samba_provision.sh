#!/bin/bash
# Makes a real Active Directory domain, MDM.TEST, with Samba: two domain controllers with the same
# objects under different invocationIds, on 127.0.0.2 and 127.0.0.3.   samba_provision.sh DIR [USERS]
# USERS further users are made, all members of the group Big. Needs root, Debian's samba packages
# and no network. Nothing is started.
set -euo pipefail
dir=$1 users=${2:-0}
admin_password='Admin-Passw0rd!1'
mkdir -p "$dir"
cd "$dir"
umask 077
exec >provision.log 2>&1

write_conf() { # NUMBER
  local dc=$dir/dc$1
  mkdir -p "$dc"/{etc,log,run,ncalrpc}
  cat >"$dc/etc/smb.conf" <<CONF
[global]
  netbios name = DC$1
  workgroup = MDM
  realm = MDM.TEST
  server role = active directory domain controller
  server services = ldap, kdc
  dcerpc endpoint servers =
  interfaces = 127.0.0.$(($1 + 1))/8
  bind interfaces only = yes
  private dir = $dc/private
  state directory = $dc/state
  cache directory = $dc/cache
  lock directory = $dc
  binddns dir = $dc/bind-dns
  pid directory = $dc/run
  ncalrpc dir = $dc/ncalrpc
  winbindd socket directory = $dc/run/winbindd
  ntp signd socket directory = $dc/run/ntp
  ldap server require strong auth = yes
  tls keyfile = $dir/tls/dc$1.key
  tls certfile = $dir/tls/dc$1.pem
  tls cafile = $dir/ca.pem
[sysvol]
  path = $dc/state/sysvol
[netlogon]
  path = $dc/state/sysvol/mdm.test/scripts
CONF
}

# Samba's own certificates name no host, so nobody could check them.
make_certificates() {
  mkdir -p tls
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
    -keyout tls/ca.key -out ca.pem -subj "/CN=Test AD CA"
  local n
  for n in 1 2; do
    openssl req -newkey rsa:2048 -nodes -keyout "tls/dc$n.key" -out "tls/dc$n.csr" -subj "/CN=dc$n.mdm.test"
    printf 'subjectAltName=DNS:dc%s.mdm.test,IP:127.0.0.%s\nextendedKeyUsage=serverAuth\n' \
      "$n" $((n + 1)) >tls/extensions
    openssl x509 -req -in "tls/dc$n.csr" -CA ca.pem -CAkey tls/ca.key -CAcreateserial -days 3650 \
      -out "tls/dc$n.pem" -extfile tls/extensions
  done
}

make_krb5_conf() {
  cat >krb5.conf <<CONF
[libdefaults]
  default_realm = MDM.TEST
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
[realms]
  MDM.TEST = {
    kdc = 127.0.0.2:88
    kdc = 127.0.0.3:88
  }
[domain_realm]
  127.0.0.2 = MDM.TEST
  127.0.0.3 = MDM.TEST
CONF
}

# People, groups and Muster's accounts, in one transaction.
make_objects() {
  /usr/bin/python3 - "$dir/dc1/etc/smb.conf" "$users" <<'PY'
import sys
import ldb
from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB
from samba.sd_utils import SDUtils

lp = LoadParm()
lp.load(sys.argv[1])
db = SamDB(session_info=system_session(), lp=lp)
base = str(db.domain_dn())


def user(name, ou, **more):
    db.add({"dn": f"CN={name},{ou}", "objectClass": "user", "sAMAccountName": name,
            "userPrincipalName": f"{name}@mdm.test", "mail": f"{name}@mdm.test",
            "userAccountControl": "544", **more})


def group(name, members=()):
    entry = {"dn": f"CN={name},OU=Groups,{base}", "objectClass": "group", "sAMAccountName": name}
    if members:
        entry["member"] = list(members)
    db.add(entry)


db.transaction_start()
for ou in ("People", "Groups", "Services", "Secret"):
    db.add({"dn": f"OU={ou},{base}", "objectClass": "organizationalUnit"})
people = f"OU=People,{base}"
for name in ("ann", "bob", "cy", "dan", "eve", "fay"):
    user(name, people)
group("Inner", [f"CN=bob,{people}"])
group("WA-Approved", [f"CN=ann,{people}", f"CN=Inner,OU=Groups,{base}"])
group("Other")
group("Bench-Desk", [f"CN=dan,{people}"])
group("Bench-Soc", [f"CN=eve,{people}"])
added = []
for i in range(int(sys.argv[2])):
    # Adding to one container takes longer the more it holds.
    ou = f"OU=P{i // 500:03d},{people}"
    if i % 500 == 0:
        db.add({"dn": ou, "objectClass": "organizationalUnit"})
    user(f"u{i:05d}", ou)
    added.append(f"CN=u{i:05d},{ou}")
if added:
    group("Big")
    for i in range(0, len(added), 5000):
        change = ldb.Message(ldb.Dn(db, f"CN=Big,OU=Groups,{base}"))
        change["member"] = ldb.MessageElement(added[i:i + 5000], ldb.FLAG_MOD_ADD, "member")
        db.modify(change)
services = f"OU=Services,{base}"
for name in ("svc-sync", "svc-plain", "svc-write", "svc-disabled"):
    user(name, services)
db.transaction_commit()
for name in ("svc-sync", "svc-plain", "svc-write", "svc-disabled"):
    db.setpassword(f"(sAMAccountName={name})", f"{name}-Passw0rd!1")
db.toggle_userAccountFlags("(sAMAccountName=svc-disabled)", 2, "DISABLE", on=True)


def sid(name):
    found = db.search(base, expression=f"(sAMAccountName={name})", attrs=["objectSid"])
    return db.schema_format_value("objectSid", found[0]["objectSid"][0]).decode()


acl = SDUtils(db)
# Replicating Directory Changes, and what tells of deletions.
acl.dacl_prepend_aces(base, f"(OA;;CR;1131f6aa-9c07-11d1-f79f-00c04fc2dcd2;;{sid('svc-sync')})")
acl.dacl_prepend_aces(f"CN=Deleted Objects,{base}", f"(A;CI;RPLCRC;;;{sid('svc-sync')})",
                      ["show_deleted:1"])
# What lies in here is listed for administrators alone.
acl.modify_sd_on_dn(f"OU=Secret,{base}", "O:DAG:DAD:PAI(A;CI;GA;;;DA)(A;CI;GA;;;SY)")
# Read and write of `member`, on one group.
acl.dacl_prepend_aces(f"CN=WA-Approved,OU=Groups,{base}",
                      f"(OA;;RPWP;bf9679c0-0de6-11d0-a285-00aa003049e2;;{sid('svc-write')})")
PY
}

# So that the first controller is ahead of the second.
raise_usn() {
  /usr/bin/python3 - "$dir/dc1/etc/smb.conf" <<'PY'
import sys
import ldb
from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB

lp = LoadParm()
lp.load(sys.argv[1])
db = SamDB(session_info=system_session(), lp=lp)
db.transaction_start()
for i in range(300):
    change = ldb.Message(ldb.Dn(db, f"OU=Services,{db.domain_dn()}"))
    change["description"] = ldb.MessageElement(str(i), ldb.FLAG_MOD_REPLACE, "description")
    db.modify(change)
db.transaction_commit()
PY
}

make_certificates
make_krb5_conf
samba-tool domain provision --realm=MDM.TEST --domain=MDM --server-role=dc \
  --dns-backend=SAMBA_INTERNAL --adminpass="$admin_password" --host-name=dc1 \
  --host-ip=127.0.0.2 --targetdir="$dir/dc1" --option='interfaces=lo' \
  --option='bind interfaces only=yes'
write_conf 1
make_objects
printf %s "$admin_password" >Administrator-password
for name in svc-sync svc-plain svc-write svc-disabled; do
  printf %s "$name-Passw0rd!1" >"$name-password"
done
samba-tool domain exportkeytab svc-sync.keytab --principal=svc-sync@MDM.TEST -s dc1/etc/smb.conf
# A plain copy would have the same invocationId, and test nothing.
samba-tool domain backup offline --targetdir=backup -s dc1/etc/smb.conf
samba-tool domain backup restore --backup-file="$(echo backup/*.tar.bz2)" --newservername=DC2 \
  --host-ip=127.0.0.3 --targetdir="$dir/dc2"
write_conf 2
# The names that a controller with more services registers for itself, and its address.
for number in 1 2; do
  for name in "127.0.0.$((number + 1))" "dc$number.mdm.test"; do
    samba-tool spn add "ldap/$name" "DC$number\$" -s "dc$number/etc/smb.conf"
  done
done
raise_usn
rm -rf backup
