#include "tests/support/uem_simulator/simulator.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/support/uem_simulator/gate.h"
#include "tests/support/uem_simulator/routes.h"
#include "tests/support/uem_simulator/world.h"

namespace muster::uemsim {
namespace {

bool IsToken(const Call& call) {
  return call.segments.size() == 2 && call.segments[0] == "connect" && call.segments[1] == "token";
}

bridge::HttpResponse Encoded(const Reply& reply, bool json) {
  bridge::HttpResponse response;
  response.status = reply.status;
  response.headers.push_back({"X-Muster-Simulator", "yes"});
  if (!reply.body) return response;
  response.headers.push_back(
      {"Content-Type", json ? "application/json; charset=utf-8" : "application/xml"});
  response.body = json ? reply.body->dump() : ToXml(*reply.body);
  return response;
}

}  // namespace

const TrueApp* PhoneTruth::Find(absl::string_view bundle_id) const {
  for (const TrueApp& app : apps) {
    if (app.bundle_id == bundle_id) return &app;
  }
  return nullptr;
}

Simulator::Simulator(SimOptions options, const Clock* clock)
    : options_(std::move(options)),
      clock_(clock),
      world_(std::make_unique<World>(options_)),
      gate_(std::make_unique<Gate>(options_)) {}

Simulator::~Simulator() = default;

absl::StatusOr<bridge::HttpResponse> Simulator::Send(const bridge::HttpRequest& request) {
  Exchange exchange = Handle(request);
  if (exchange.cut && exchange.answer.ok()) {
    exchange.answer->body.resize(exchange.answer->body.size() / 2);
  }
  if (exchange.latency >= request.timeout) {
    return absl::UnavailableError("the simulator did not answer in time");
  }
  return std::move(exchange.answer);
}

Simulator::Exchange Simulator::Handle(const bridge::HttpRequest& request) {
  MutexLock lock(&mu_);
  AdvanceLocked();
  Exchange exchange = Carry(request, clock_->Now());
  latency_ += std::min(exchange.latency, request.timeout);
  return exchange;
}

// Sign-in, limits, then the fault, then the operation.
Simulator::Exchange Simulator::Carry(const bridge::HttpRequest& request, absl::Time now) {
  Call call = ParseCall(request, now);
  const Fault fault = gate_->Draw(call);
  Exchange exchange = {.answer = bridge::HttpResponse(), .latency = gate_->Latency(fault)};
  CallRecord record = {.at = now, .method = call.method, .target = call.target, .fault = fault};
  Reply reply;
  bool throttled = false, unavailable = fault == Fault::kUnavailable;
  if (fault == Fault::kLostBefore) {
    exchange.answer = absl::UnavailableError("the simulator broke the connection");
    gate_->Book(std::move(record));
    return exchange;
  }
  if (unavailable) {
    reply = Error(503, 0, "Service unavailable");
  } else if (IsToken(call)) {
    reply = gate_->Token(call);
  } else if (std::optional<Reply> refused = gate_->SignIn(call)) {
    reply = *std::move(refused);
  } else if (fault == Fault::kThrottleStorm || !gate_->Count(now)) {
    throttled = true;
    reply = Error(429, 0, "API calls quota exceeded");
  } else {
    reply = Dispatch(world_.get(), &call);
  }
  record.effect = reply.effect;
  record.redundant = reply.redundant;
  if (fault == Fault::kErrorWithEffect && reply.status < 400) {
    reply.status = 500;
    reply.body = Error(500, 0, "An error has occurred").body;
  }
  bridge::HttpResponse response = Encoded(reply, call.version != 0 || IsToken(call));
  if (!IsToken(call)) {
    for (auto& header : gate_->LimitHeadersAt(now)) response.headers.push_back(std::move(header));
  }
  if ((throttled || unavailable) && options_.retry_after) {
    response.headers.push_back(
        {"Retry-After", absl::StrCat(absl::ToInt64Seconds(*options_.retry_after))});
  }
  if (fault == Fault::kBrokenJson) response.body = absl::StrCat(response.body, "\n{\"Devices\":[,");
  exchange.cut = fault == Fault::kTruncated;
  record.status = response.status;
  exchange.answer = std::move(response);
  if (fault == Fault::kLostAfter) {
    record.status = 0;
    exchange.answer = absl::UnavailableError("the simulator broke the connection");
  }
  gate_->Book(std::move(record));
  return exchange;
}

void Simulator::AdvanceLocked() { world_->Advance(clock_->Now()); }

absl::Duration Simulator::TakeLatency() {
  MutexLock lock(&mu_);
  return std::exchange(latency_, absl::ZeroDuration());
}

void Simulator::FailNext(Fault fault, uint32_t count, std::string path_part) {
  MutexLock lock(&mu_);
  if (count > 0) gate_->FailNext(fault, count, std::move(path_part));
}

void Simulator::SetFaultRates(const FaultRates& rates) {
  MutexLock lock(&mu_);
  gate_->SetRates(rates);
}

void Simulator::RevokeTokens() {
  MutexLock lock(&mu_);
  gate_->RevokeTokens();
}

void Simulator::Tick() {
  MutexLock lock(&mu_);
  AdvanceLocked();
}

absl::Time Simulator::NextAt() {
  MutexLock lock(&mu_);
  return world_->NextAt();
}

std::vector<CallRecord> Simulator::Calls() {
  MutexLock lock(&mu_);
  return {gate_->calls().begin(), gate_->calls().end()};
}

size_t Simulator::effects() {
  MutexLock lock(&mu_);
  return gate_->effects();
}

size_t Simulator::redundant() {
  MutexLock lock(&mu_);
  return gate_->redundant();
}

}  // namespace muster::uemsim
