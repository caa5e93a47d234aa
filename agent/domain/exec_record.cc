#include "agent/domain/exec_record.h"

#include <tuple>

#include "common/limits.h"
#include "common/time_proto.h"

namespace muster::agent {
namespace {

bool Allows(absl::string_view verdict) {
  return verdict == v1::Verdict::Kind_Name(v1::Verdict::ALLOW) ||
         verdict == v1::Verdict::Kind_Name(v1::Verdict::REPORT);
}

}  // namespace

bool IsAllow(const ExecRecord& r) {
  return !r.denied && !r.killed &&
         (r.verdict == v1::Verdict::ALLOW || r.verdict == v1::Verdict::REPORT);
}

bool IsAllow(const v1::ExecReport::Item& item) {
  return !item.denied() && !item.killed() && Allows(item.verdict());
}

v1::ExecReport AggregateExecs(const std::vector<ExecRecord>& records, uint32_t already_dropped,
                              const std::map<uint32_t, std::string>& name_of) {
  v1::ExecReport out;
  out.set_dropped(already_dropped);
  using Key =
      std::tuple<std::string, std::optional<uint32_t>, int, std::string, std::string, bool, bool>;
  std::map<Key, int> seen;
  for (const ExecRecord& r : records) {
    const Key key = {r.app_id, r.uid,   static_cast<int>(r.verdict), r.reason, r.path,
                     r.denied, r.killed};
    if (const auto it = seen.find(key); it != seen.end()) {
      v1::ExecReport::Item* item = out.mutable_items(it->second);
      item->set_count(item->count() + 1);
      continue;
    }
    if (static_cast<size_t>(out.items_size()) >= limits::kMaxExecItemsPerReport) {
      out.set_dropped(out.dropped() + 1);
      continue;
    }
    seen.emplace(key, out.items_size());
    v1::ExecReport::Item* item = out.add_items();
    item->set_app_id(r.app_id);
    if (r.uid) {
      item->set_uid(*r.uid);
      const auto name = name_of.find(*r.uid);
      if (name != name_of.end()) item->set_account_name(name->second);
    }
    item->set_verdict(v1::Verdict::Kind_Name(r.verdict));
    item->set_reason(r.reason);
    item->set_path(r.path);
    item->set_count(1);
    *item->mutable_first_at() = ToProto(r.at);
    item->set_denied(r.denied);
    item->set_killed(r.killed);
  }
  return out;
}

}  // namespace muster::agent
