#include "controller/flow/enroll.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "common/crypto.h"
#include "common/signed_doc.h"
#include "common/time_proto.h"
#include "controller/flow/audit.h"
#include "controller/flow/gone.h"
#include "controller/flow/lookup.h"
#include "controller/flow/phones.h"

namespace muster {
namespace {

absl::Status CheckEnrollment(const Enrollment& in) {
  if (in.csr_der.size() > limits::kMaxCsrBytes) {
    return absl::InvalidArgumentError("the certificate request is too large");
  }
  if (in.hostname.size() > limits::kMaxHostnameBytes) {
    return absl::InvalidArgumentError("the host name is too long");
  }
  if (in.local_accounts.size() > limits::kMaxLocalAccounts) {
    return absl::InvalidArgumentError(
        absl::StrCat("too many local accounts; at most ", limits::kMaxLocalAccounts));
  }
  return absl::OkStatus();
}

// What is enrolled has to be what the token is for.
absl::Status CheckTokenFits(const v1::EnrollmentToken& token, const Enrollment& in) {
  if (token.bridge() && !in.bridge) {
    return absl::FailedPreconditionError(
        "this enrolment token is for a bridge; enrol it with `muster-bridge enroll`");
  }
  if (!token.bridge() && in.bridge) {
    return absl::FailedPreconditionError(
        absl::StrCat("this enrolment token is for a device of platform ",
                     v1::Platform::Id_Name(token.platform()),
                     "; a bridge needs one of `musterctl device token --bridge`"));
  }
  if (token.platform() != in.platform) {
    return absl::FailedPreconditionError(absl::StrCat(
        "this enrolment token is for ",
        token.bridge() ? "a bridge, which has no platform"
                       : absl::StrCat("platform ", v1::Platform::Id_Name(token.platform())),
        ", the device is ", v1::Platform::Id_Name(in.platform)));
  }
  return absl::OkStatus();
}

absl::Status CheckToken(const v1::EnrollmentToken& token, const Enrollment& in, absl::Time now) {
  if (token.has_used_at()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "this enrolment token was already used at ", TimeText(FromProto(token.used_at())),
        " by device ", token.used_by_device(), "; ask for a new one (`musterctl device token`)"));
  }
  if (now >= FromProto(token.expires_at())) {
    return absl::FailedPreconditionError(
        absl::StrCat("this enrolment token expired at ", TimeText(FromProto(token.expires_at())),
                     "; ask for a new one (`musterctl device token`)"));
  }
  return CheckTokenFits(token, in);
}

v1::Device NewDevice(const Enrollment& in, const v1::EnrollmentToken& token,
                     const IssuedCertificate& certificate, const std::string& device_id,
                     absl::Time now, absl::Time certificate_end) {
  v1::Device device;
  device.set_device_id(device_id);
  device.set_state(v1::Device::ENROLLED);
  device.set_platform(in.platform);
  device.set_bridge(token.bridge());
  device.set_hostname(in.hostname);
  device.set_owner_id(token.owner_id());
  device.set_owner_upn(token.owner_upn());
  device.set_group(token.group());
  device.set_certificate_key_sha256(certificate.key_sha256);
  device.set_certificate_spki(absl::BytesToHexString(certificate.spki));
  *device.mutable_certificate_not_after() = ToProto(certificate_end);
  *device.mutable_enrolled_at() = ToProto(now);
  *device.mutable_last_seen_at() = ToProto(now);
  if (device.bridge()) return device;
  device.mutable_local_accounts()->Assign(in.local_accounts.begin(), in.local_accounts.end());
  return device;
}

absl::StatusOr<EnrolledDevice> TryEnroll(const Services& services, CertificateAuthority& ca,
                                         const Enrollment& in) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  const absl::Time now = services.clock.Now();
  const std::string key = TokenKey(Sha256Hex(in.token));
  MUSTER_ASSIGN_OR_RETURN(auto token, Find<v1::EnrollmentToken>(*snapshot, key));
  if (!token) {
    return absl::UnauthenticatedError(
        "this enrolment token is not known here; check the token file, or ask for a new one "
        "(`musterctl device token`)");
  }
  MUSTER_RETURN_IF_ERROR(CheckToken(token->value, in, now));
  const std::string device_id =
      absl::StrCat("dev-", absl::BytesToHexString(services.entropy.Bytes(8)));
  const absl::Time end = now + services.settings.certificate_life;
  MUSTER_ASSIGN_OR_RETURN(const IssuedCertificate certificate,
                          ca.Issue(in.csr_der, device_id, now, end));
  EnrolledDevice out;
  out.certificate_pem = certificate.pem;
  out.device = NewDevice(in, token->value, certificate, device_id, now, end);
  Mutation mutation;
  mutation.expects.push_back({key, token->revision});
  *token->value.mutable_used_at() = ToProto(now);
  token->value.set_used_by_device(device_id);
  Put(mutation, key, token->value);
  mutation.expects.push_back({DeviceKey(device_id), 0});
  Put(mutation, DeviceKey(device_id), out.device);
  // A bridge is nobody's device: its owner answers for it, and uses no app on it.
  if (!out.device.owner_id().empty() && !out.device.bridge()) {
    PutMark(mutation, DeviceOwnerKey(out.device.owner_id(), device_id));
  }
  WriteAccountIndex(v1::Device(), out.device, mutation);
  MUSTER_RETURN_IF_ERROR(MarkPersonsOf(*snapshot, out.device, mutation));
  Actor actor{
      {absl::StrCat("device/", device_id), out.device.owner_upn()}, "enrolment token", in.from};
  mutation.audit.push_back(MakeAuditEntry(services, actor,
                                          {.verb = "device.enroll",
                                           .object = absl::StrCat("device/", device_id),
                                           .after = &out.device}));
  MUSTER_RETURN_IF_ERROR(services.store.Commit(std::move(mutation)).status());
  services.work.WakeDevice(device_id);
  return out;
}

absl::Status CheckTokenWish(const TokenWish& wish) {
  if (wish.bridge && wish.platform != v1::Platform::UNSPECIFIED) {
    return absl::InvalidArgumentError(
        "a bridge has no platform: it speaks for phones of several; leave the platform out");
  }
  if (!wish.bridge && wish.platform == v1::Platform::UNSPECIFIED) {
    return absl::InvalidArgumentError(
        "a token needs a platform: android, ios, macos, windows or linux; or it is for a bridge");
  }
  if (wish.ttl <= absl::ZeroDuration() || wish.ttl > limits::kMaxTokenTtl) {
    return absl::InvalidArgumentError("the ttl must be more than 0 and at most 7 days");
  }
  const bool named = std::all_of(wish.group.begin(), wish.group.end(), [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return absl::ascii_islower(u) || absl::ascii_isdigit(u) || c == '-' || c == '.';
  });
  if (!named || wish.group.size() > limits::kMaxGroupBytes) {
    return absl::InvalidArgumentError(absl::StrCat("the group '", wish.group.substr(0, 64),
                                                   "' must be at most ", limits::kMaxGroupBytes,
                                                   " of a-z, 0-9, '-' and '.'"));
  }
  return absl::OkStatus();
}

}  // namespace

void WriteAccountIndex(const v1::Device& before, const v1::Device& after, Mutation& mutation) {
  const std::set<std::string> now(after.local_accounts().begin(), after.local_accounts().end());
  for (const std::string& account : before.local_accounts()) {
    if (!now.contains(account)) {
      mutation.deletes.push_back(DeviceAccountKey(account, before.device_id()));
    }
  }
  for (const std::string& account : now) {
    PutMark(mutation, DeviceAccountKey(account, after.device_id()));
  }
}

absl::StatusOr<TokenOutcome> CreateToken(const Services& services, const Actor& actor,
                                         const TokenWish& wish, bool dry_run) {
  MUSTER_RETURN_IF_ERROR(CheckTokenWish(wish));
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const v1::Person owner, LoadPersonByUpn(*snapshot, wish.owner_upn));
  TokenOutcome out;
  out.expires_at = services.clock.Now() + wish.ttl;
  out.touched.changes = {absl::StrCat(
      "a token for one ",
      wish.bridge ? "bridge" : absl::StrCat(v1::Platform::Id_Name(wish.platform), " device"),
      " of ", owner.upn(), wish.group.empty() ? "" : " in group ", wish.group, " until ",
      TimeText(out.expires_at))};
  out.touched.persons = 1;
  if (dry_run) return out;
  out.token = absl::StrCat("mst-", absl::BytesToHexString(services.entropy.Bytes(24)));
  v1::EnrollmentToken token;
  token.set_token_sha256(Sha256Hex(out.token));
  token.set_platform(wish.platform);
  token.set_bridge(wish.bridge);
  token.set_group(wish.group);
  token.set_owner_id(owner.person_id());
  token.set_owner_upn(owner.upn());
  *token.mutable_expires_at() = ToProto(out.expires_at);
  token.set_created_by_upn(actor.who.upn);
  Mutation mutation;
  Put(mutation, TokenKey(token.token_sha256()), token);
  mutation.audit.push_back(MakeAuditEntry(services, actor,
                                          {.verb = "device.token",
                                           .object = absl::StrCat("token/", token.token_sha256()),
                                           .after = &token}));
  MUSTER_RETURN_IF_ERROR(services.store.Commit(std::move(mutation)).status());
  return out;
}

absl::StatusOr<EnrolledDevice> EnrollDevice(const Services& services, CertificateAuthority& ca,
                                            const Enrollment& in) {
  MUSTER_RETURN_IF_ERROR(CheckEnrollment(in));
  // A token spent by a concurrent enrolment shows as used on the next attempt.
  return RetryAborted([&] { return TryEnroll(services, ca, in); });
}

absl::StatusOr<std::string> RenewCertificate(const Services& services, CertificateAuthority& ca,
                                             const std::string& device_id,
                                             const std::string& csr_der, const std::string& from) {
  if (csr_der.size() > limits::kMaxCsrBytes) {
    return absl::InvalidArgumentError("the certificate request is too large");
  }
  return RetryAborted([&]() -> absl::StatusOr<std::string> {
    const std::unique_ptr<Snapshot> snapshot = services.store.Read();
    MUSTER_ASSIGN_OR_RETURN(auto device, LoadDevice(*snapshot, device_id));
    if (device.value.state() != v1::Device::ENROLLED) {
      return absl::PermissionDeniedError(
          absl::StrCat(device_id, " is retired; enrol it again with a new token"));
    }
    const absl::Time now = services.clock.Now();
    const absl::Time end = now + services.settings.certificate_life;
    MUSTER_ASSIGN_OR_RETURN(const IssuedCertificate certificate,
                            ca.Issue(csr_der, device_id, now, end));
    if (certificate.key_sha256 != device.value.certificate_key_sha256()) {
      return absl::InvalidArgumentError(
          "a certificate is renewed for the device's own key only; for a new key enrol it again");
    }
    *device.value.mutable_certificate_not_after() = ToProto(end);
    Mutation mutation;
    mutation.expects.push_back({DeviceKey(device_id), device.revision});
    Put(mutation, DeviceKey(device_id), device.value);
    const Actor actor{
        {absl::StrCat("device/", device_id), device.value.owner_upn()}, "device certificate", from};
    mutation.audit.push_back(
        MakeAuditEntry(services, actor,
                       {.verb = "device.renew",
                        .object = absl::StrCat("device/", device_id),
                        .reason = absl::StrCat("certificate until ", TimeText(end))}));
    MUSTER_RETURN_IF_ERROR(services.store.Commit(std::move(mutation)).status());
    return certificate.pem;
  });
}

absl::Status WriteRetired(const Services& services, const Snapshot& snapshot, const Actor& actor,
                          const Versioned<v1::Device>& before, const std::string& reason,
                          Mutation& mutation) {
  const std::string& id = before.value.device_id();
  v1::Device after = before.value;
  after.set_state(v1::Device::RETIRED);
  mutation.expects.push_back({DeviceKey(id), before.revision});
  Put(mutation, DeviceKey(id), after);
  mutation.deletes.push_back(DeviceOwnerKey(before.value.owner_id(), id));
  mutation.deletes.push_back(LeafKey(AssignmentName(id)));
  WriteAccountIndex(before.value, v1::Device(), mutation);
  MUSTER_RETURN_IF_ERROR(WritePhoneRetired(snapshot, before.value, mutation));
  MUSTER_RETURN_IF_ERROR(WriteDeviceGone(services, snapshot, before.value, reason, mutation));
  mutation.audit.push_back(MakeAuditEntry(services, actor,
                                          {.verb = "device.retire",
                                           .object = absl::StrCat("device/", id),
                                           .before = &before.value,
                                           .after = &after,
                                           .reason = reason}));
  return absl::OkStatus();
}

namespace {

absl::Status TryRetire(const Services& services, const Actor& actor, const std::string& device_id,
                       const std::string& reason, bool dry_run, DeviceOutcome& out) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const auto before, LoadDevice(*snapshot, device_id));
  out = DeviceOutcome();
  out.device = before.value;
  MUSTER_ASSIGN_OR_RETURN(const PhoneCount phones, CountPhones(*snapshot, device_id));
  const bool already = before.value.state() == v1::Device::RETIRED;
  if (already && phones.phones == 0) {
    return absl::FailedPreconditionError(absl::StrCat(device_id, " is already retired"));
  }
  out.device.set_state(v1::Device::RETIRED);
  if (!already) {
    out.touched.changes.push_back(
        absl::StrCat(device_id, " (", before.value.hostname(), "): ENROLLED -> RETIRED"));
    out.touched.devices = 1;
    MUSTER_ASSIGN_OR_RETURN(const auto persons, PersonsOfDevice(*snapshot, before.value));
    out.touched.persons = static_cast<uint32_t>(persons.size());
  }
  if (phones.phones > 0) {
    out.touched.changes.push_back(
        absl::StrCat("the ", phones.phones, " phones of bridge ", device_id, " -> RETIRED"));
    out.touched.devices += static_cast<uint32_t>(phones.phones);
    out.touched.persons += static_cast<uint32_t>(phones.persons);
  }
  if (dry_run || already) return absl::OkStatus();
  Mutation mutation;
  MUSTER_RETURN_IF_ERROR(WriteRetired(services, *snapshot, actor, before, reason, mutation));
  return services.store.Commit(std::move(mutation)).status();
}

}  // namespace

absl::StatusOr<DeviceOutcome> RetireDevice(const Services& services, const Actor& actor,
                                           const std::string& device_id, const std::string& reason,
                                           bool dry_run) {
  MUSTER_RETURN_IF_ERROR(CheckReason(reason));
  DeviceOutcome out;
  MUSTER_RETURN_IF_ERROR(
      RetryAborted([&] { return TryRetire(services, actor, device_id, reason, dry_run, out); }));
  if (dry_run) return out;
  services.work.WakeDevice(device_id);
  MUSTER_RETURN_IF_ERROR(RetirePhonesOf(services, actor, device_id, reason));
  return out;
}

}  // namespace muster
