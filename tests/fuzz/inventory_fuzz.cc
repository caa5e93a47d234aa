// Whatever a machine's files hold, the inventory's readers end, stay within their limits and give
// texts that a report can carry. The first byte chooses the reader, unless MUSTER_FUZZ_READER does.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "agent/domain/accounts.h"
#include "agent/domain/desktop_entry.h"
#include "agent/domain/dpkg.h"
#include "agent/domain/inventory.h"
#include "agent/domain/mounts.h"
#include "agent/domain/program_head.h"
#include "agent/domain/snap_yaml.h"
#include "agent/domain/text.h"
#include "agent/domain/web_apps.h"
#include "common/agent_limits.h"
#include "common/limits.h"

namespace {

using muster::agent::IsCleanText;
namespace limits = muster::limits;

void Require(bool holds) {
  if (!holds) std::abort();
}

void CheckText(absl::string_view text, size_t max) { Require(IsCleanText(text, max)); }

void CheckDpkg(absl::string_view text) {
  constexpr size_t kMost = 7;
  const auto packages = muster::agent::ParseDpkgStatus(text, kMost);
  Require(packages.size() <= kMost);
  std::vector<muster::v1::InventoryItem> items;
  for (const auto& p : packages) {
    Require(!p.name.empty());
    items.push_back(muster::agent::MakeItem(muster::v1::Origin::DPKG, p.name, p.version));
    CheckText(items.back().package_id(), limits::kMaxPathBytes);
    CheckText(items.back().version(), limits::kMaxVersionBytes);
  }
  const auto report = muster::agent::FullInventory(muster::agent::MakeInventory(items));
  muster::v1::InventoryReport back;
  Require(back.ParseFromString(report.SerializeAsString()));
}

void CheckLists(absl::string_view text) {
  muster::agent::ForEachListedPath(text, [](absl::string_view p) { Require(p[0] == '/'); });
  muster::agent::ForEachMd5(text, [](absl::string_view md5, absl::string_view path) {
    Require(md5.size() == 32 && !path.empty());
  });
  (void)muster::agent::PackageOfInfoFile(text, ".list");
}

void CheckSnap(absl::string_view text) {
  const muster::agent::SnapMeta meta = muster::agent::ParseSnapYaml(text);
  CheckText(meta.version, limits::kMaxVersionBytes);
  CheckText(meta.title, limits::kMaxNameBytes);
}

void CheckEntry(absl::string_view text) {
  const muster::agent::DesktopEntry entry = muster::agent::ParseDesktopEntry(text);
  CheckText(entry.name, limits::kMaxNameBytes);
  CheckText(entry.version, limits::kMaxVersionBytes);
  CheckText(entry.program, limits::kMaxPathBytes);
  CheckText(entry.web_app_id, limits::kMaxPackageIdBytes);
  CheckText(entry.web_app_url, limits::kMaxPathBytes);
  CheckText(muster::agent::HostOfUrl(entry.web_app_url), limits::kMaxHostnameBytes);
}

void CheckWebApps(const std::vector<muster::agent::WebApp>& apps) {
  Require(apps.size() <= limits::kMaxWebApps);
  for (const muster::agent::WebApp& app : apps) {
    CheckText(app.id, limits::kMaxPackageIdBytes);
    CheckText(app.name, limits::kMaxNameBytes);
    CheckText(app.host, limits::kMaxHostnameBytes);
  }
  const auto joined = muster::agent::JoinWebApps({{"x", "", ""}}, apps);
  Require(!joined.empty() && joined.size() <= limits::kMaxWebApps + 1);
}

void CheckHead(absl::string_view text) {
  const auto kind = muster::agent::KindOfProgram(text);
  Require(kind == muster::agent::ProgramKind::kNone || text.size() >= 2);
  const std::string clean = muster::agent::CleanText(text, 100);
  CheckText(clean, 100);
  Require(muster::agent::CleanText(clean, 100) == clean);
}

void CheckPasswd(absl::string_view text) {
  for (const auto& account : muster::agent::ParsePasswd(text)) Require(!account.name.empty());
  for (const std::string& home : muster::agent::ParseHomes(text)) Require(home[0] == '/');
}

// -1: the input chooses.
int ChosenReader() {
  static const int reader = [] {
    const char* text = std::getenv("MUSTER_FUZZ_READER");
    return text == nullptr ? -1 : std::atoi(text);
  }();
  return reader;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const absl::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (ChosenReader() >= 0 ? ChosenReader() : data[0] % 9) {
    case 0:
      CheckDpkg(text);
      break;
    case 1:
      CheckLists(text);
      break;
    case 2:
      CheckSnap(text);
      break;
    case 3:
      CheckEntry(text);
      break;
    case 4:
      CheckHead(text);
      break;
    case 5:
      CheckWebApps(muster::agent::ParseChromiumPreferences(text));
      break;
    case 6:
      CheckWebApps(muster::agent::ParseTaskbarTabs(text));
      break;
    case 7:
      CheckPasswd(text);
      break;
    default:
      (void)muster::agent::ParseMountInfo(text);
      break;
  }
  return 0;
}
