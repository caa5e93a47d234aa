#include "controller/flow/sign_in.h"

#include "absl/strings/escaping.h"
#include "common/crypto.h"
#include "common/time_proto.h"
#include "controller/domain/roles.h"
#include "controller/flow/audit.h"
#include "controller/flow/lookup.h"
#include "controller/flow/roles.h"

namespace muster {
namespace {

constexpr char kWrong[] = "the name or the password is wrong";

Actor SignerIn(const Operator& who, const std::string& from) { return {who, "password", from}; }

// Before the directory is asked. UNAUTHENTICATED: locked.
absl::Status CountAttempt(const Services& services, const Actor& actor) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  const std::string key = SignInKey(actor.who.upn);
  MUSTER_ASSIGN_OR_RETURN(const auto stored, Find<v1::SignInFailures>(*snapshot, key));
  const absl::Time now = services.clock.Now();
  v1::SignInFailures failures = stored ? stored->value : v1::SignInFailures();
  if (failures.has_locked_until() && now < FromProto(failures.locked_until())) {
    return absl::UnauthenticatedError(
        absl::StrCat("sign-in of ", actor.who.upn, " is locked until ",
                     TimeText(FromProto(failures.locked_until())), " after ", failures.count(),
                     " wrong passwords; wait, or use a certificate"));
  }
  if (failures.has_last_at() && now >= FromProto(failures.last_at()) + limits::kSignInLock) {
    failures.Clear();
  }
  failures.set_count(failures.count() + 1);
  *failures.mutable_last_at() = ToProto(now);
  if (failures.count() >= limits::kSignInFailures) {
    *failures.mutable_locked_until() = ToProto(now + limits::kSignInLock);
  }
  Mutation mutation;
  mutation.expects.push_back({key, stored ? stored->revision : 0});
  Put(mutation, key, failures);
  return services.store.Commit(std::move(mutation)).status();
}

// `answer` is what the caller is told; `why` is for the log alone.
absl::Status Refuse(const Services& services, const Actor& actor, absl::string_view why,
                    absl::Status answer) {
  Mutation mutation;
  mutation.audit.push_back(MakeAuditEntry(services, actor,
                                          {.verb = "sign-in.refused",
                                           .object = absl::StrCat("person/", actor.who.person_id),
                                           .reason = std::string(why)}));
  mutation.audit.back().set_outcome(absl::StatusCodeToString(answer.code()));
  MUSTER_RETURN_IF_ERROR(services.store.Commit(std::move(mutation)).status());
  return answer;
}

absl::Status DeleteEnded(const Snapshot& snapshot, absl::Time now, Mutation& mutation) {
  return ForEach<v1::Session>(snapshot, "session/",
                              [&](const std::string& key, const Versioned<v1::Session>& session) {
                                if (now >= FromProto(session.value.expires_at())) {
                                  mutation.deletes.push_back(key);
                                }
                                return absl::OkStatus();
                              });
}

absl::StatusOr<SignedIn> Open(const Services& services, Actor actor, const v1::Person& person,
                              const Roles& roles) {
  const absl::Time now = services.clock.Now();
  SignedIn out;
  out.token = absl::BytesToHexString(services.entropy.Bytes(32));
  out.session.set_upn(person.upn());
  out.session.set_person_id(person.person_id());
  *out.session.mutable_created_at() = ToProto(now);
  *out.session.mutable_expires_at() = ToProto(now + limits::kSessionLife);
  out.session.set_from(actor.from);
  out.session.set_session_id(absl::BytesToHexString(services.entropy.Bytes(4)));
  for (Role role : roles) out.roles.emplace_back(RoleName(role));
  actor.signed_in_by = absl::StrCat("password ", out.session.session_id());
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  Mutation mutation;
  MUSTER_RETURN_IF_ERROR(DeleteEnded(*snapshot, now, mutation));
  Put(mutation, SessionKey(Sha256Hex(out.token)), out.session);
  mutation.deletes.push_back(SignInKey(actor.who.upn));
  mutation.audit.push_back(MakeAuditEntry(
      services, actor, {.verb = "sign-in", .object = absl::StrCat("person/", person.person_id())}));
  MUSTER_RETURN_IF_ERROR(services.store.Commit(std::move(mutation)).status());
  return out;
}

}  // namespace

bool SignInLimiter::Admit(const std::string& address, absl::Time now) {
  MutexLock lock(&mu_);
  if (now >= minute_ + absl::Minutes(1) || now < minute_) {
    minute_ = now;
    tries_.clear();
  }
  if (tries_.size() >= limits::kMaxSignInAddresses && !tries_.contains(address)) return false;
  return ++tries_[address] <= limits::kSignInsPerMinute;
}

absl::StatusOr<SignedIn> SignIn(const Services& services, Directory& directory,
                                SignInLimiter& limiter, const std::string& upn,
                                const std::string& password, const std::string& from) {
  if (upn.empty() || upn.size() > limits::kMaxUpnBytes) {
    return absl::InvalidArgumentError("the name is missing or too long");
  }
  if (password.empty() || password.size() > limits::kMaxPasswordBytes) {
    return absl::InvalidArgumentError("the password is empty or too long");
  }
  // Without the port: every connection has another.
  const std::string address = from.substr(0, from.rfind(':'));
  if (!limiter.Admit(address, services.clock.Now())) {
    return absl::ResourceExhaustedError("too many sign-ins from this address; wait a minute");
  }
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(Operator who, ResolveOperator(*snapshot, upn));
  if (who.person_id.empty()) return absl::UnauthenticatedError(kWrong);
  MUSTER_ASSIGN_OR_RETURN(const auto person, Find<v1::Person>(*snapshot, PersonKey(who.person_id)));
  if (!person) return absl::UnauthenticatedError(kWrong);
  who.upn = person->value.upn();
  const Actor actor = SignerIn(who, from);
  const absl::Status counted = RetryAborted([&] { return CountAttempt(services, actor); });
  if (absl::IsUnauthenticated(counted)) {  // somebody goes on trying
    return Refuse(services, actor, counted.message(), counted);
  }
  MUSTER_RETURN_IF_ERROR(counted);
  const absl::Status checked = directory.CheckPassword(person->value, password);
  if (absl::IsUnauthenticated(checked)) {
    return Refuse(services, actor, checked.message(), absl::UnauthenticatedError(kWrong));
  }
  if (absl::IsUnimplemented(checked)) {
    return absl::FailedPreconditionError(checked.message());
  }
  MUSTER_RETURN_IF_ERROR(checked);
  MUSTER_ASSIGN_OR_RETURN(const Roles roles, RolesOf(services, *snapshot, who.person_id));
  if (roles.empty()) {
    return Refuse(services, actor, "the password is right, but no role goes with it",
                  absl::PermissionDeniedError(
                      absl::StrCat(who.upn,
                                   " has no role in Muster; roles come from directory groups, see "
                                   "`musterctl roles show`")));
  }
  return Open(services, actor, person->value, roles);
}

absl::StatusOr<v1::Session> FindSession(const Services& services, const Snapshot& snapshot,
                                        const std::string& token) {
  if (token.empty() || token.size() > limits::kMaxSessionTokenBytes) {
    return absl::UnauthenticatedError("this is no sign-in token; sign in with `musterctl login`");
  }
  MUSTER_ASSIGN_OR_RETURN(const auto session,
                          Find<v1::Session>(snapshot, SessionKey(Sha256Hex(token))));
  if (!session || services.clock.Now() >= FromProto(session->value.expires_at())) {
    return absl::UnauthenticatedError(
        "the sign-in has ended; sign in again with `musterctl login`");
  }
  return session->value;
}

absl::Status SignOut(const Services& services, const Actor& actor, const std::string& token) {
  Mutation mutation;
  mutation.deletes.push_back(SessionKey(Sha256Hex(token)));
  mutation.audit.push_back(
      MakeAuditEntry(services, actor,
                     {.verb = "sign-out", .object = absl::StrCat("person/", actor.who.person_id)}));
  return services.store.Commit(std::move(mutation)).status();
}

}  // namespace muster
