// Offline: what does this exported chat prove? The file is a stranger's: whoever asks, it is read
// without rights and within bounds.
#include "agent/commands_archive.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <optional>

#include "absl/strings/str_cat.h"
#include "agent/adapters/files/archive_reader.h"
#include "agent/adapters/files/file_io.h"
#include "agent/commands.h"
#include "agent/inspect_view.h"
#include "archive/files/export_file.h"
#include "common/archive_limits.h"
#include "common/exit_code.h"
#include "common/status_macros.h"

namespace muster::agent {
namespace {

using archive::DateOrder;

constexpr int kNoExport = 3;

// Only opening a device can have an effect, and a name may lead to one: looked at first.
absl::StatusOr<Fd> OpenExport(const std::string& path) {
  const Fd place(open(path.c_str(), O_PATH | O_CLOEXEC));
  struct stat st = {};
  if (!place.ok() || fstat(place.get(), &st) != 0) return ErrnoStatus(errno, "read", path);
  if (!S_ISREG(st.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(
        path,
        " is no file: ", S_ISDIR(st.st_mode) ? "it is a folder" : "it is a pipe or a device"));
  }
  Fd out(open(absl::StrCat("/proc/self/fd/", place.get()).c_str(),
              O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!out.ok()) return ErrnoStatus(errno, "read", path);
  return out;
}

// From here on there is nothing that the file's bytes could take over.
absl::Status GiveUpRights() {
  const rlimit memory = {limits::kArchiveReaderMemoryBytes, limits::kArchiveReaderMemoryBytes};
  const rlimit none = {0, 0};
  bool done = setrlimit(RLIMIT_DATA, &memory) == 0 && setrlimit(RLIMIT_CORE, &none) == 0 &&
              prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
  if (done && geteuid() == 0) {
    done = setgroups(0, nullptr) == 0 && setresgid(kNobody, kNobody, kNobody) == 0 &&
           setresuid(kNobody, kNobody, kNobody) == 0;
  }
  return done ? absl::OkStatus() : ErrnoStatus(errno, "give up", "this program's rights");
}

std::optional<DateOrder> OrderOf(const std::string& name) {
  for (const DateOrder order :
       {DateOrder::kDayMonthYear, DateOrder::kMonthDayYear, DateOrder::kYearMonthDay}) {
    if (archive::DateOrderName(order) == name) return order;
  }
  return std::nullopt;
}

// Times that the zone does not have, or has twice.
absl::Status CountOddTimes(int fd, Inspected& in) {
  if (in.zone == absl::UTCTimeZone() || !in.file.text.dated) return absl::OkStatus();
  return archive::ReadExportFile(
             fd, in.name, in.file.text.range.order,
             [&in](const archive::Entry& entry) {
               if (entry.kind == archive::EntryKind::kUnread) return;
               const absl::TimeZone::TimeInfo::CivilKind kind = in.zone.At(entry.time).kind;
               in.skipped += kind == absl::TimeZone::TimeInfo::SKIPPED ? 1 : 0;
               in.repeated += kind == absl::TimeZone::TimeInfo::REPEATED ? 1 : 0;
             })
      .status();
}

absl::StatusOr<Inspected> Inspect(int fd, const InspectOptions& options, absl::TimeZone zone) {
  Inspected out;
  out.name = options.file;
  out.zone = zone;
  MUSTER_ASSIGN_OR_RETURN(out.file,
                          archive::ReadExportFile(fd, options.file, OrderOf(options.date_order)));
  MUSTER_RETURN_IF_ERROR(CountOddTimes(fd, out));
  return out;
}

// The object of InspectJson with one more member, whose elements go out one by one.
absl::Status PrintWithEntries(int fd, const Inspected& in) {
  std::string head = Dump(InspectJson(in), 2);
  head.resize(head.rfind("\n}"));
  std::printf("%s,\n  \"entries\": [", head.c_str());
  const char* separator = "\n    ";
  const absl::StatusOr<archive::ExportFileSummary> again = archive::ReadExportFile(
      fd, in.name, in.file.text.range.order, [&](const archive::Entry& entry) {
        std::printf("%s%s", separator, Dump(EntryJson(entry, in.zone), -1).c_str());
        separator = ",\n    ";
      });
  std::printf("\n  ]\n}\n");
  MUSTER_RETURN_IF_ERROR(again.status());
  if (again->sha256 != in.file.sha256) {
    return absl::InvalidArgumentError("the file changed while it was read; try again");
  }
  return absl::OkStatus();
}

// What is wrong with a file is no wrong use of this program.
int Refuse(const std::string& file, const absl::Status& status) {
  if (!absl::IsInvalidArgument(status)) return Fail(status);
  std::fprintf(stderr, "muster-agent: %s: %s\n", file.c_str(),
               std::string(status.message()).c_str());
  return kNoExport;
}

// Nothing could be read; a program finds every key all the same.
void PrintNothing(const InspectOptions& options, const absl::Status& status) {
  Inspected nothing;
  nothing.name = options.file;
  nothing.file.text.damaged = true;
  nothing.file.text.problems = {std::string(status.message())};
  auto json = InspectJson(nothing);
  if (options.entries) json["entries"] = nlohmann::ordered_json::array();
  std::printf("%s\n", Dump(json, 2).c_str());
}

}  // namespace

int RunArchiveInspect(const InspectOptions& options) {
  if (options.entries && options.output != "json") {
    return Fail(absl::InvalidArgumentError("--entries needs -o json"));
  }
  absl::TimeZone zone;
  if (options.time_zone.empty() || !absl::LoadTimeZone(options.time_zone, &zone)) {
    return Fail(absl::InvalidArgumentError(
        absl::StrCat("--tz ", options.time_zone,
                     " is no time zone; write one such as UTC or America/New_York")));
  }
  absl::StatusOr<Fd> fd = OpenExport(options.file);
  if (absl::IsInvalidArgument(fd.status())) {
    std::fprintf(stderr, "muster-agent: %s\n", std::string(fd.status().message()).c_str());
    return kNoExport;
  }
  if (!fd.ok()) return Fail(fd.status());
  if (const absl::Status status = GiveUpRights(); !status.ok()) return Fail(status);
  const absl::StatusOr<Inspected> in = Inspect(fd->get(), options, zone);
  if (!in.ok()) {
    if (options.output == "json") PrintNothing(options, in.status());
    return Refuse(options.file, in.status());
  }
  if (options.output == "table") {
    std::printf("%s", InspectTable(*in).c_str());
  } else if (!options.entries) {
    std::printf("%s\n", Dump(InspectJson(*in), 2).c_str());
  } else if (const absl::Status status = PrintWithEntries(fd->get(), *in); !status.ok()) {
    return Refuse(options.file, status);
  }
  return in->file.text.damaged ? kNoExport : 0;
}

}  // namespace muster::agent
