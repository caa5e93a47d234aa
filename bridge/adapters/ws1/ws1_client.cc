#include "bridge/adapters/ws1/ws1_client.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "bridge/adapters/ws1/ws1_answer.h"
#include "bridge/adapters/ws1/ws1_request.h"
#include "common/bridge_limits.h"

namespace muster::bridge {
namespace {

// What is left when both the first attempt and the one with a new token sign in.
absl::Duration ExchangeTime() { return limits::kUemCallTime / 2 - limits::kUemSignInTime; }

UemAnswer Failed(absl::Status status, bool effect_unknown, RateLimit limit) {
  UemAnswer out;
  out.status = std::move(status);
  out.effect_unknown = effect_unknown;
  out.limit = limit;
  return out;
}

HttpRequest MakeHttpRequest(const Ws1Options& options, const Ws1Request& request,
                            const std::string& token) {
  HttpRequest out;
  out.method = request.method;
  out.url = absl::StrCat(options.url, request.target);
  out.headers = {{"Authorization", absl::StrCat("Bearer ", token)},
                 {"aw-tenant-code", options.tenant_code},
                 {"Accept", absl::StrCat("application/json;version=", request.version)}};
  if (!request.body.empty()) out.headers.emplace_back("Content-Type", "application/json");
  out.body = request.body;
  out.timeout = ExchangeTime();
  return out;
}

// What the transport could not do.
UemAnswer TransportFailed(const UemCall& call, const absl::Status& status) {
  const bool never_left = absl::IsFailedPrecondition(status);
  return Failed(absl::UnavailableError(absl::StrCat("the UEM: ", status.message())),
                !never_left && !OnlyReads(call.kind), {});
}

}  // namespace

Ws1Client::Ws1Client(Ws1Options options, HttpTransport* transport, const Clock* clock)
    : options_(std::move(options)),
      transport_(transport),
      clock_(clock),
      token_(&options_, transport, clock) {}

UemAnswer Ws1Client::Do(const UemCall& call) {
  const auto request = MakeWs1Request(options_, call);
  if (!request.ok()) return Failed(request.status(), false, {});
  std::string refused;
  for (bool last : {false, true}) {
    Ws1Token::Result signed_in = token_.Get(refused);
    if (!signed_in.status.ok()) {
      return Failed(std::move(signed_in.status), false, signed_in.limit);
    }
    const auto response = transport_->Send(MakeHttpRequest(options_, *request, signed_in.token));
    if (!response.ok()) return TransportFailed(call, response.status());
    // One new token and one more attempt: more could lock the account.
    if (response->status == 401 && !last) {
      refused = std::move(signed_in.token);
      continue;
    }
    return ReadWs1Answer(options_, call, *response, clock_->Now());
  }
  return Failed(absl::InternalError("unreachable"), false, {});
}

std::string Ws1Client::Name() const { return absl::StrCat("workspace-one ", options_.url); }

}  // namespace muster::bridge
