// A records office: a tenant's root with its key in it, a repository, and bags as agents pack them.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <map>

#include "absl/strings/str_cat.h"
#include "archive/files/bag_files.h"
#include "archive/files/export_file.h"
#include "cli/records_receive.h"
#include "common/time_proto.h"
#include "common/trust_root.h"
#include "tests/cli/fake_controller.h"

namespace muster::cli {

inline constexpr char kChat[] =
    "1/2/26, 10:00 - Ann Example: the first\n1/2/26, 10:05 - Bob Example: the second\n";

class RecordsTest : public testing::Test {
 protected:
  RecordsTest() {
    std::vector<RoleKeys> roles;
    for (const std::string role :
         {"root", "policy", "assignment", "beacon", "emergency", "records"}) {
      const PrivateKey key = *PrivateKey::Generate(kEcdsaP256Sha256);
      roles.push_back({.role = role, .keys = {*TrustedKeyFromSpki(key.spki())}});
      keys_.emplace(role, key);
    }
    root_ = *FirstRoot("agency", roles, clock_.Now());
    trust_.emplace(*Trust::FromRoot(root_));
    std::filesystem::create_directories(dir_ / "repo/incoming");
  }
  ~RecordsTest() override { std::filesystem::remove_all(dir_); }

  std::string Path(const std::string& name) const { return (dir_ / name).string(); }
  std::string Read(const std::string& name) const {
    std::ifstream in(Path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void Write(const std::string& name, const std::string& bytes) const {
    std::filesystem::create_directories((dir_ / name).parent_path());
    std::ofstream(Path(name), std::ios::binary) << bytes;
  }
  // Every file of the repository, with its content, but for the lock.
  std::map<std::string, std::string> All() const {
    std::map<std::string, std::string> all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(dir_ / "repo")) {
      const std::string name = std::filesystem::relative(entry.path(), dir_ / "repo").string();
      if (entry.is_regular_file() && name != ".lock") all[name] = Read("repo/" + name);
    }
    return all;
  }

  // What an agent would write into bag-info.txt; `changes` replace values, "" removes one.
  static archive::BagInfo InfoOf(const archive::ExportFileSummary& summary,
                                 const std::map<std::string, std::string>& changes) {
    const auto time = [](absl::CivilSecond t) {
      return TimeText(absl::FromCivil(t, absl::UTCTimeZone()));
    };
    archive::BagInfo info;
    for (auto [label, value] : archive::BagInfo{
             {archive::kInfoTenant, "agency"},
             {archive::kInfoPerson, "p1"},
             {archive::kInfoDevice, "dev-1"},
             {archive::kInfoApp, "whatsapp"},
             {archive::kInfoChat, "Bob Example"},
             {archive::kInfoChatKey, std::string(64, 'c')},
             {archive::kInfoFirst, time(summary.text.range.first)},
             {archive::kInfoLast, time(summary.text.range.last)},
             {archive::kInfoTimeZone, "UTC"},
             {archive::kInfoDateOrder, "mdy"},
             {archive::kInfoMessages, absl::StrCat(summary.text.messages)},
             {archive::kInfoExportSha256, summary.sha256},
         }) {
      const auto change = changes.find(label);
      if (change != changes.end()) value = change->second;
      if (!value.empty()) info.emplace_back(label, value);
    }
    return info;
  }

  // A bag in `into` below the test's folder; returns the SHA-256 of its tag manifest.
  std::string Pack(const std::string& id, const std::string& text = kChat,
                   const std::map<std::string, std::string>& changes = {},
                   const std::string& into = "repo/incoming") {
    Write("export.txt", text);
    const int fd = open(Path("export.txt").c_str(), O_RDONLY | O_CLOEXEC);
    const auto summary = archive::ReadExportFile(fd, "chat.txt", archive::DateOrder::kMonthDayYear);
    EXPECT_TRUE(summary.ok()) << summary.status();
    const auto packed = archive::PackBag(Path(into), {.payload_fd = fd,
                                                      .payload_name = "chat.txt",
                                                      .info = InfoOf(*summary, changes),
                                                      .bag_id = id,
                                                      .expected_sha256 = summary->sha256});
    close(fd);
    EXPECT_TRUE(packed.ok()) << packed.status();
    return packed.ok() ? packed->tagmanifest_sha256 : "";
  }

  ReceiveInputs Inputs() {
    return {
        .dir = Path("repo"),
        .repository_id = "rims",
        .key = keys_.at("records"),
        .trust = *trust_,
        .clock = clock_,
        .read_export = [](int fd, const std::string& name,
                          archive::DateOrder order) -> absl::StatusOr<archive::ExportFileSummary> {
          return archive::ReadExportFile(fd, name, order);
        },
        .submit = [this](const v1::SubmitReceiptsRequest& r) { return Submit(r); },
        .progress = nullptr,
        .dry_run = false};
  }

  // A controller that says `code_` of every receipt, unless it is down.
  absl::StatusOr<v1::SubmitReceiptsResponse> Submit(const v1::SubmitReceiptsRequest& request) {
    if (!down_.ok()) return down_;
    v1::SubmitReceiptsResponse response;
    for (const v1::SignedDoc& doc : request.receipts()) {
      v1::Receipt receipt;
      EXPECT_TRUE(receipt.ParseFromString(doc.payload()));
      sent_.push_back(receipt);
      v1::ReceiptResult& result = *response.add_items();
      result.set_bag_id(receipt.bag_id());
      result.set_code(code_);
      if (!code_.empty()) result.set_detail("as the controller says");
    }
    return response;
  }

  // "bag result filed_as" of each row; the detail goes to `details_`.
  std::string Lines(const std::vector<RecordsRow>& rows) {
    std::string out;
    details_.clear();
    for (const RecordsRow& row : rows) {
      absl::StrAppend(&out, row.bag_id, " ", row.result, row.filed_as.empty() ? "" : " ",
                      row.filed_as, "\n");
      details_.push_back(row.detail);
    }
    return out;
  }
  std::string Receive() {
    const auto outcome = ReceiveBags(Inputs());
    if (!outcome.ok()) return outcome.status().ToString();
    return Lines(outcome->rows) + (outcome->sent.ok() ? "" : outcome->sent.ToString() + "\n");
  }

  std::filesystem::path dir_ = TempFolder();
  FakeClock clock_{absl::FromUnixSeconds(1772323200)};  // 2026-03-01
  std::map<std::string, PrivateKey> keys_;
  v1::Root root_;
  std::optional<Trust> trust_;
  std::string code_;
  absl::Status down_;
  std::vector<v1::Receipt> sent_;
  std::vector<std::string> details_;
};

}  // namespace muster::cli
