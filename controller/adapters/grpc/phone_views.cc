#include "controller/adapters/grpc/phone_views.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "controller/adapters/grpc/paging.h"
#include "controller/flow/lookup.h"

namespace muster {
namespace {

using Item = v1::ReportPhonesResponse::Item;

// Ends a key within a cursor: the last app that was shown of that phone follows.
constexpr char kWithin = '#';
constexpr size_t kMaxRounds = 50;  // of records that are filtered away

struct Filter {
  std::string person_id, app_id;
  v1::PhoneApp::State state = v1::PhoneApp::UNSPECIFIED;

  bool Keeps(const v1::PhoneApp& app) const {
    if (!app_id.empty() && app.app_id() != app_id) return false;
    if (state != v1::PhoneApp::UNSPECIFIED) return app.state() == state;
    return app.state() != v1::PhoneApp::COMPLIANT || !app.transaction_id().empty();
  }
};

absl::StatusOr<Filter> FilterOf(const Snapshot& snapshot, const v1::ReportPhonesRequest& in) {
  Filter out;
  if (!in.state().empty() && (!v1::PhoneApp::State_Parse(in.state(), &out.state) ||
                              out.state == v1::PhoneApp::UNSPECIFIED)) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", in.state().substr(0, limits::kMaxTicketBytes),
                     "' is no state of an app on a phone: COMPLIANT, PENDING, VIOLATION, "
                     "NOT_ENFORCEABLE or UNKNOWN"));
  }
  if (!in.app_id().empty()) MUSTER_RETURN_IF_ERROR(LoadApp(snapshot, in.app_id()).status());
  out.app_id = in.app_id();
  if (in.person_upn().empty()) return out;
  MUSTER_ASSIGN_OR_RETURN(const v1::Person person, LoadPersonByUpn(snapshot, in.person_upn()));
  out.person_id = person.person_id();
  return out;
}

// A place between two lines.
struct Cursor {
  std::string key;  // the phone that was shown last
  std::string app;  // shown last of it; empty: all of it was shown
  bool within = false;
};

absl::StatusOr<Cursor> CursorOf(const std::string& text, const std::string& prefix) {
  if (!text.empty() && !absl::StartsWith(text, prefix)) {
    return absl::InvalidArgumentError("the cursor is not one of this list's");
  }
  const size_t at = text.find(kWithin);
  if (at == std::string::npos) return Cursor{text, "", false};
  return Cursor{text.substr(0, at), text.substr(at + 1), true};
}

Item Row(const v1::Device& device, const v1::PhoneStatus& status, const v1::PhoneApp& app) {
  Item item;
  item.set_device_id(device.device_id());
  item.set_owner_upn(device.owner_upn());
  item.set_platform(device.platform());
  item.set_management(status.report().facts().management());
  *item.mutable_app() = app;
  if (status.report().facts().has_last_seen_at()) {
    *item.mutable_last_seen_at() = status.report().facts().last_seen_at();
  }
  if (status.has_reported_at()) *item.mutable_reported_at() = status.reported_at();
  return item;
}

// The lines of one phone, in the order of their apps.
absl::StatusOr<std::vector<Item>> RowsOf(const Snapshot& snapshot, const v1::PhoneStatus& status,
                                         const Filter& filter) {
  std::vector<Item> out;
  MUSTER_ASSIGN_OR_RETURN(const auto device, LoadDevice(snapshot, status.device_id()));
  if (device.value.state() != v1::Device::ENROLLED) return out;
  if (!filter.person_id.empty() && device.value.owner_id() != filter.person_id) return out;
  if (!status.has_reported_at()) {
    v1::PhoneApp nothing;
    nothing.set_app_id(filter.app_id);
    nothing.set_state(v1::PhoneApp::UNKNOWN);
    nothing.set_why("its bridge has not reported on this phone yet");
    if (filter.Keeps(nothing)) out.push_back(Row(device.value, status, nothing));
    return out;
  }
  for (const v1::PhoneApp& app : status.report().apps()) {
    if (filter.Keeps(app)) out.push_back(Row(device.value, status, app));
  }
  std::sort(out.begin(), out.end(),
            [](const Item& a, const Item& b) { return a.app().app_id() < b.app().app_id(); });
  return out;
}

}  // namespace

absl::Status ReportPhones(const Services& services, const v1::ReportPhonesRequest& in,
                          v1::ReportPhonesResponse& out) {
  const auto snapshot = services.store.Read();
  const std::string prefix = PhoneKey("");
  MUSTER_ASSIGN_OR_RETURN(const size_t size, PageSize(in.page_size()));
  MUSTER_ASSIGN_OR_RETURN(const Filter filter, FilterOf(*snapshot, in));
  MUSTER_ASSIGN_OR_RETURN(const Cursor from, CursorOf(in.cursor(), prefix));
  std::string after = from.key;
  // The phone within which the last page ended comes once more.
  if (from.within) after.pop_back();
  for (size_t round = 0; round < kMaxRounds; ++round) {
    MUSTER_ASSIGN_OR_RETURN(const std::vector<Record> records,
                            snapshot->Scan(prefix, after, limits::kMaxPage));
    for (const Record& record : records) {
      const bool again = from.within && record.key == from.key;
      if (from.within && record.key < from.key) continue;
      MUSTER_ASSIGN_OR_RETURN(const auto status, Parse<v1::PhoneStatus>(record));
      MUSTER_ASSIGN_OR_RETURN(auto rows, RowsOf(*snapshot, status.value, filter));
      for (Item& row : rows) {
        if (again && row.app().app_id() <= from.app) continue;
        if (static_cast<size_t>(out.items_size()) == size) {
          const Item& last = out.items(out.items_size() - 1);
          const bool same = last.device_id() == row.device_id();
          out.set_next_cursor(
              same ? absl::StrCat(record.key, std::string(1, kWithin), last.app().app_id())
                   : after);
          return absl::OkStatus();
        }
        *out.add_items() = std::move(row);
      }
      after = record.key;
    }
    if (records.size() < limits::kMaxPage) return absl::OkStatus();
  }
  out.set_next_cursor(after);
  return absl::OkStatus();
}

}  // namespace muster
