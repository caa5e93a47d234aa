#include "archive/export_reader.h"

namespace muster::archive {

absl::string_view DateOrderName(DateOrder order) {
  switch (order) {
    case DateOrder::kDayMonthYear:
      return "dmy";
    case DateOrder::kMonthDayYear:
      return "mdy";
    case DateOrder::kYearMonthDay:
      return "ymd";
  }
  return "";
}

absl::string_view ExportFormatName(ExportFormat format) {
  switch (format) {
    case ExportFormat::kUnknown:
      return "unknown";
    case ExportFormat::kAndroid:
      return "android";
    case ExportFormat::kIos:
      return "ios";
  }
  return "";
}

absl::string_view EntryKindName(EntryKind kind) {
  switch (kind) {
    case EntryKind::kMessage:
      return "message";
    case EntryKind::kSystem:
      return "system";
    case EntryKind::kUnread:
      return "unread";
  }
  return "";
}

std::vector<absl::string_view> EntryFlagNames(unsigned flags) {
  static constexpr absl::string_view kNames[] = {"attached", "omitted", "missing",
                                                 "edited",   "deleted", "backwards"};
  std::vector<absl::string_view> out;
  for (unsigned bit = 0; bit < std::size(kNames); ++bit) {
    if (flags & (1u << bit)) out.push_back(kNames[bit]);
  }
  return out;
}

}  // namespace muster::archive
