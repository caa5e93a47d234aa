#include "bridge/flow/fleet.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "bridge/flow/fleet_machine.h"
#include "common/bridge_limits.h"
#include "common/status_macros.h"
#include "common/time_proto.h"

namespace muster::bridge {
namespace {

uint32_t Narrow(const std::optional<uint64_t>& n) {
  return static_cast<uint32_t>(
      std::min<uint64_t>(n.value_or(0), std::numeric_limits<uint32_t>::max()));
}

}  // namespace

Fleet::Fleet(FleetOptions options, BridgeStore* store, FleetEvents events)
    : machine_(std::make_unique<Machine>(std::move(options), store, std::move(events))) {}
Fleet::~Fleet() = default;

absl::Status Fleet::Load(absl::Time now) {
  Machine& m = *machine_;
  MUSTER_RETURN_IF_ERROR(m.parts.operations.Load());
  MUSTER_RETURN_IF_ERROR(m.parts.book.Load());
  for (const auto& [id, phone] : m.parts.book.all()) {
    m.parts.ReadPhone(id, Urgency::kSweep,
                      std::max(now, phone.apps_read_at + m.parts.options.sweep_every));
  }
  m.lister.Start(now);
  m.groups.Start(now);
  m.memberships.Start(now);
  m.sender.Start(now);
  return std::exchange(m.parts.trouble, absl::OkStatus());
}

void Fleet::SetPolicy(const std::string& device_id, PhonePolicyPtr policy, absl::Time now) {
  Phone* phone = machine_->parts.book.Find(device_id);
  if (phone != nullptr) machine_->OnPolicy(*phone, std::move(policy), now);
}

std::vector<v1::Canary> Fleet::Canaries(const std::string& device_id, absl::Time now) const {
  const Phone* phone = machine_->parts.book.Find(device_id);
  return phone == nullptr ? std::vector<v1::Canary>() : machine_->judging.CanariesOf(*phone, now);
}

void Fleet::ReportAnew(const std::string& device_id, absl::Time now) {
  Phone* phone = machine_->parts.book.Find(device_id);
  if (phone != nullptr) machine_->judging.ReportAnew(*phone, now);
}

void Fleet::Hint(const std::string& uem_id, absl::Time now) { machine_->Hint(uem_id, now); }

void Fleet::SyncGroup(const std::string& app_id, absl::Time now) {
  machine_->memberships.Sync(app_id, now);
}

absl::StatusOr<std::optional<UemCall>> Fleet::Next(absl::Time now) {
  Machine& m = *machine_;
  m.judging.RunDue(now);
  if (!m.parts.trouble.ok()) return std::exchange(m.parts.trouble, absl::OkStatus());
  if (!m.health.well() && (m.in_flight > 0 || now < m.health.not_before())) return std::nullopt;
  if (m.pacer.NextAt(/*urgent=*/true, now) > now) return std::nullopt;
  if (m.health.denied()) {
    // The list is read anyway, and shows when the account is good again.
    m.parts.agenda.Put(Item(kListItem, ""), Urgency::kApproval, absl::InfinitePast());
  }
  const bool urgent_only = m.pacer.NextAt(/*urgent=*/false, now) > now && !m.health.denied();
  while (const std::optional<Agenda::Taken> taken = m.parts.agenda.Take(urgent_only, now)) {
    absl::StatusOr<std::optional<UemCall>> call = m.CallFor(*taken, now);
    if (call.ok() && call->has_value()) {
      m.pacer.Sent(now);
      ++m.in_flight;
      return call;
    }
    m.parts.agenda.Done(taken->item);
    if (!call.ok()) return call.status();
  }
  return std::nullopt;
}

absl::Time Fleet::WakeAt(absl::Time now) const {
  const Machine& m = *machine_;
  if (!m.parts.trouble.ok()) return now;
  return std::min(m.judging.NextAt(), m.NextCallAt(now));
}

void Fleet::Answer(const UemCall& call, const UemAnswer& answer, absl::Time now) {
  Machine& m = *machine_;
  if (m.in_flight > 0) --m.in_flight;
  m.pacer.Answered(answer, now);
  m.health.Answered(answer, now);
  if (!absl::IsUnavailable(answer.status)) {
    m.last_answer_at = now;
    m.simulator = m.simulator || answer.simulator;
  }
  if (answer.limit.limit || answer.limit.remaining) m.limit = answer.limit;
  m.Dispatch(call, answer, now);
}

v1::BridgeReport Fleet::report() const {
  const Machine& m = *machine_;
  v1::BridgeReport out;
  out.set_simulator(m.simulator);
  out.set_phones(static_cast<uint32_t>(m.parts.book.all().size()));
  out.set_open_operations(static_cast<uint32_t>(m.parts.operations.open()));
  if (m.last_answer_at != absl::InfinitePast()) {
    *out.mutable_last_answer_at() = ToProto(m.last_answer_at);
  }
  out.set_last_error(m.health.problem());
  out.set_limit_per_window(Narrow(m.limit.limit));
  out.set_limit_remaining(Narrow(m.limit.remaining));
  absl::Time swept = absl::InfiniteFuture();
  for (const auto& [id, phone] : m.parts.book.all()) {
    if (phone.enrolled && !phone.unsampled) swept = std::min(swept, phone.apps_read_at);
  }
  if (swept != absl::InfinitePast() && swept != absl::InfiniteFuture()) {
    *out.mutable_swept_at() = ToProto(swept);
  }
  for (const std::string& problem : m.memberships.Problems()) out.add_group_problems(problem);
  return out;
}

std::vector<v1::PhoneRecord> Fleet::records() const {
  std::vector<v1::PhoneRecord> out;
  for (const auto& [id, phone] : machine_->parts.book.all()) {
    absl::StatusOr<v1::PhoneRecord> record = machine_->parts.book.Read(phone);
    if (record.ok()) out.push_back(*std::move(record));
  }
  return out;
}

std::vector<v1::BridgeOperation> Fleet::operations() const {
  std::vector<v1::BridgeOperation> out;
  for (const auto& [key, op] : machine_->parts.operations.all()) {
    if (op.state() != v1::BridgeOperation::DONE) out.push_back(op);
  }
  return out;
}

}  // namespace muster::bridge
