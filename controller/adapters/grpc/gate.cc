#include "controller/adapters/grpc/gate.h"

#include <utility>

#include "absl/strings/strip.h"
#include "controller/flow/lookup.h"
#include "controller/flow/roles.h"
#include "controller/flow/sign_in.h"

namespace muster {
namespace {

std::string BearerToken(const grpc::ServerContextBase& context) {
  const auto [begin, end] = context.client_metadata().equal_range("authorization");
  if (begin == end || std::next(begin) != end) return "";
  absl::string_view value(begin->second.data(), begin->second.size());
  return absl::ConsumePrefix(&value, "Bearer ") ? std::string(value) : "";
}

}  // namespace

absl::StatusOr<Caller> Gate::Identify(const grpc::ServerContextBase& context) const {
  const bool by_certificate = PeerJudge::HasCertificate(context) || BearerToken(context).empty();
  MUSTER_ASSIGN_OR_RETURN(Caller out, by_certificate ? ByCertificate(context) : ByToken(context));
  for (const Role role : out.roles) out.actor.roles.emplace_back(RoleName(role));
  return out;
}

absl::StatusOr<Caller> Gate::ByCertificate(const grpc::ServerContextBase& context) const {
  MUSTER_ASSIGN_OR_RETURN(const PeerCertificate peer, judge_.Operator(context));
  const std::unique_ptr<Snapshot> snapshot = services_.store.Read();
  Caller out;
  MUSTER_ASSIGN_OR_RETURN(out.actor.who, ResolveOperator(*snapshot, peer.id));
  out.actor.signed_in_by = absl::StrCat("certificate ", peer.serial);
  out.actor.from = peer.from;
  MUSTER_ASSIGN_OR_RETURN(out.roles, RolesOf(services_, *snapshot, out.actor.who.person_id));
  if (peer.local_admin) out.roles.insert(Role::kAdmin);
  return out;
}

absl::StatusOr<Caller> Gate::ByToken(const grpc::ServerContextBase& context) const {
  Caller out;
  out.token = BearerToken(context);
  const std::unique_ptr<Snapshot> snapshot = services_.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const v1::Session session, FindSession(services_, *snapshot, out.token));
  MUSTER_ASSIGN_OR_RETURN(const auto person,
                          Find<v1::Person>(*snapshot, PersonKey(session.person_id())));
  MUSTER_ASSIGN_OR_RETURN(out.actor.who,
                          ResolveOperator(*snapshot, person ? person->value.upn() : session.upn()));
  out.actor.signed_in_by = absl::StrCat("password ", session.session_id());
  out.actor.from = PeerAddress(context);
  // The person that signed in, whoever has the name by now.
  if (out.actor.who.person_id != session.person_id()) {
    return absl::UnauthenticatedError("the account of this sign-in is gone; sign in again");
  }
  MUSTER_ASSIGN_OR_RETURN(out.roles, RolesOf(services_, *snapshot, session.person_id()));
  return out;
}

}  // namespace muster
