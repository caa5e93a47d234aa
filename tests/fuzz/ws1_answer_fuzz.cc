// Whatever a UEM answers, with whatever status and headers, to whatever was asked: a value within
// its bounds, and never a claim that nothing happened where something may have.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "bridge/adapters/ws1/ws1_answer.h"
#include "common/bridge_limits.h"
#include "tests/support/now.h"

namespace {

using muster::bridge::UemAnswer;
using muster::bridge::UemCall;

void Require(bool holds) {
  if (!holds) std::abort();
}

void RequireText(const std::string& text) {
  Require(text.size() <= muster::limits::kMaxUemTextBytes);
  for (const char c : text) Require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F);
}

void CheckValues(const UemAnswer& answer) {
  Require(answer.phones.size() <= muster::limits::kMaxUemRows);
  for (const auto& phone : answer.phones) {
    Require(!phone.identity.uem_id().empty());
    Require(phone.identity.platform() == muster::v1::Platform::IOS ||
            phone.identity.platform() == muster::v1::Platform::ANDROID);
    RequireText(phone.identity.user_name());
    RequireText(phone.identity.name());
    RequireText(phone.facts.os());
    std::string bytes;
    Require(phone.facts.SerializeToString(&bytes) && phone.identity.SerializeToString(&bytes));
  }
  Require(answer.apps.size() <= muster::limits::kMaxUemRows);
  for (const auto& app : answer.apps) {
    Require(!app.bundle_id.empty());
    RequireText(app.latest_action);
  }
  Require(answer.members.size() <= muster::limits::kMaxUemRows);
  for (const std::string& member : answer.members) RequireText(member);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr int kStatuses[] = {200, 204, 302, 400, 401, 403, 404, 412, 429, 500, 503};
  constexpr int kKinds = static_cast<int>(UemCall::Kind::kAddMissingUsers) + 1;
  if (size < 3) return 0;
  UemCall call;
  call.kind = static_cast<UemCall::Kind>(data[0] % kKinds);
  call.page = data[1] / 64;
  call.group.name = "Muster blocked ios";
  call.group.platform = muster::v1::Platform::IOS;
  call.app.bundle_id = "a.b";
  muster::bridge::HttpResponse response;
  response.status = kStatuses[data[1] % (sizeof(kStatuses) / sizeof(kStatuses[0]))];
  response.body.assign(reinterpret_cast<const char*>(data) + 3, size - 3);
  const std::string header = response.body.substr(0, data[2] % 64);
  for (const char* name : {"Retry-After", "X-RateLimit-Reset", "X-RateLimit-Remaining"}) {
    response.headers.emplace_back(name, header);
  }
  muster::bridge::Ws1Options options;
  options.user_group_numbers = {{"u", 7}};
  const UemAnswer answer = muster::bridge::ReadWs1Answer(options, call, response, muster::kNow);
  Require(!answer.effect_unknown || (!answer.status.ok() && !OnlyReads(call.kind)));
  const bool success = response.status < 300;
  Require(!success || answer.status.ok() || absl::IsUnavailable(answer.status));
  Require(answer.status.ok() || answer.status.message().size() < 2'000);
  const absl::Time most = muster::kNow + muster::limits::kMaxUemPause;
  Require(!answer.limit.retry_at || *answer.limit.retry_at <= most);
  Require(!answer.limit.reset_at || *answer.limit.reset_at <= most);
  if (answer.status.ok()) CheckValues(answer);
  if (answer.status.ok() && call.kind == UemCall::Kind::kGetPhone) {
    Require(answer.phones.size() == 1);
  }
  return 0;
}
