// The archivist over fakes: folders and a repository in memory, one person with one app.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/flow/archivist.h"
#include "common/agent_limits.h"
#include "common/archive_limits.h"
#include "tests/agent/fakes.h"

namespace muster::agent {

// What a reading of one file says; `shows` are the hashes of earlier exports it goes on from.
struct FakeFile {
  FileStamp stamp;
  v1::ExportRead read;
  absl::Status fails;
  std::set<std::string> shows;
};

inline google::protobuf::Timestamp Wall(const char* text) { return ToProto(At(text)); }

// A chat of two messages that is whole and good.
inline FakeFile Export(const std::string& content, const char* first, const char* last,
                       uint64_t ino = 1) {
  FakeFile out;
  out.stamp = {{1, ino}, 100, 5, 5};
  out.read.set_sha256(Sha256Hex(content));
  out.read.set_format("android");
  out.read.set_chat("Ana \xc3\x84");
  out.read.set_file_bytes(100);
  out.read.set_messages(2);
  out.read.set_participants(1);
  out.read.add_participant_keys(std::string(32, 'p'));
  *out.read.mutable_first_wall() = Wall(first);
  *out.read.mutable_last_wall() = Wall(last);
  out.read.set_date_order("dmy");
  out.read.mutable_tail()->add_entries("tail of " + content);
  *out.read.mutable_tail()->mutable_last_at() = Wall(last);
  return out;
}

// A disk and a share. `away` fails whatever concerns the share.
class FakeArchive final : public ExportFolders, public RecordRepository {
 public:
  class Held final : public HeldExport {
   public:
    Held(FakeArchive* world, std::string path, FakeFile file)
        : world_(world), path_(std::move(path)), file_(std::move(file)) {}
    const FileStamp& stamp() const override { return file_.stamp; }
    const std::string& name() const override { return path_; }
    absl::StatusOr<v1::ExportRead> Read(const ReadQuestion& question) override {
      ++world_->reads;
      world_->salts_used.push_back(question.salt);
      if (!file_.fails.ok()) return file_.fails;
      v1::ExportRead out = file_.read;
      if (question.earlier_tail) {
        out.mutable_earlier()->set_newest(
            file_.shows.contains(question.earlier_tail->export_sha256()));
        out.mutable_earlier()->set_found(out.earlier().newest() ? 1 : 0);
      }
      return out;
    }
    absl::StatusOr<Packed> Pack(const PackOrder& order) override {
      if (world_->away) return absl::UnavailableError("the share hangs");
      if (const auto it = world_->pack_fails.find(path_); it != world_->pack_fails.end()) {
        return it->second;
      }
      if (order.export_sha256 != file_.read.sha256()) return absl::FailedPreconditionError("other");
      world_->bags.try_emplace(order.bag_id, order);
      ++world_->packs;
      return Packed{"100.1", Sha256Hex(order.bag_id)};
    }

   private:
    FakeArchive* const world_;
    const std::string path_;
    const FakeFile file_;
  };

  FolderLook Look(const std::string& name, const std::vector<FolderOwner>& owners) override {
    FolderLook out;
    for (const FolderOwner& owner : owners) {
      out.folders.push_back({owner.account, "/home/" + owner.account + "/" + name});
      for (const auto& [path, file] : files) {
        const size_t slash = path.find('/');
        const std::string sub = slash == std::string::npos ? "" : path.substr(0, slash);
        if (owner.account == "alice") {
          out.files.push_back({owner.account, owner.uid, path, sub, file.stamp});
        }
      }
    }
    return out;
  }
  absl::StatusOr<std::unique_ptr<HeldExport>> Open(const std::string&,
                                                   const FoundExport& found) override {
    const auto it = files.find(found.path);
    if (it == files.end()) return absl::NotFoundError(found.path);
    return std::make_unique<Held>(this, it->first, it->second);
  }
  absl::Status Check(const std::string&) override {
    return away ? absl::UnavailableError("the share is away") : absl::OkStatus();
  }
  absl::StatusOr<std::string> Salt(const std::string&, const std::string& person,
                                   const std::string& proposed) override {
    if (away) return absl::UnavailableError("the share is away");
    return salts.try_emplace(person, proposed).first->second;
  }

  std::map<std::string, FakeFile> files;  // of alice, by path
  std::map<std::string, PackOrder> bags;
  std::map<std::string, absl::Status> pack_fails;  // by path
  std::map<std::string, std::string> salts;
  std::vector<std::string> salts_used;
  bool away = false;
  int reads = 0, packs = 0;
};

class RecordingChannel final : public NoticeChannel {
 public:
  void Send(uint32_t uid, const std::string&, const Notice& notice) override {
    sent.push_back(absl::StrCat(uid, " ", notice.title));
  }
  std::vector<std::string> sent;
};

inline constexpr uint32_t kAliceUid = 20001, kBobUid = 20002;

class ArchivistTest : public ::testing::Test {
 protected:
  ArchivistTest() { Restart(); }

  void Restart() {
    Archivist::Parts parts;
    parts.device_id = kTestDevice;
    parts.tenant = kTestTenant;
    parts.store = &store_;
    parts.clock = &clock_;
    parts.folders = &world_;
    parts.repository = &world_;
    parts.notices = &notices_;
    parts.random_salt = [] { return std::string(32, 's'); };
    parts.wake = [] {};
    archivist_ = std::make_unique<Archivist>(std::move(parts));
    ASSERT_TRUE(archivist_
                    ->Start([this](v1::Report body) {
                      if (!reports_work_) return false;
                      reports_.push_back(body.archive());
                      return true;
                    })
                    .ok());
    SetPolicy();
  }
  v1::ArchiveSettings Settings() const {
    v1::ArchiveSettings out;
    out.set_time_zone("America/New_York");
    out.set_folder("Chat exports");
    out.set_repository_id("records-1");
    out.set_repository("/records");
    out.set_guidance_version("2026-1");
    out.set_guidance_text("Export the chat.");
    out.set_guidance_sha256(Sha256Hex("Export the chat."));
    return out;
  }
  void SetPolicy() {
    TestCohort cohort = tenant_.Cohort();
    *cohort.content.mutable_archive() = settings_;
    assignment_ = tenant_.Assignment(1, true);
    assignment_.mutable_entitlements(0)->set_suspended_archive_overdue(overdue_);
    for (const v1::AssignedObligation& o : owed_) *assignment_.add_obligations() = o;
    PolicyParts parts;
    parts.content = cohort.content;
    parts.assignment = &assignment_;
    parts.uid_of = {{"alice", kAliceUid}, {"bob", kBobUid}};
    archivist_->SetPolicy(PolicyIndex::Build(std::move(parts)));
  }
  // Looks until nothing is left to do at once.
  void Work() {
    archivist_->Step();
    clock_.Advance(limits::kExportSettleTime);
    archivist_->Step();
  }
  // Every export that was told, in order: what of it, and whether it was packed.
  std::vector<std::string> ToldExports() const {
    std::vector<std::string> out;
    for (const v1::ArchiveReport& r : reports_) {
      for (const v1::ExportSeen& e : r.exports()) {
        out.push_back(
            absl::StrCat(e.export_sha256().substr(0, 8), e.bag_id().empty() ? "" : " packed"));
      }
    }
    return out;
  }
  v1::ArchiveState State() const {
    v1::ArchiveState out;
    EXPECT_TRUE(out.ParseFromString(store_.Read(kArchiveFile)->value_or("")));
    return out;
  }

  FakeClock clock_{At("2026-03-01T12:00:00Z")};
  TestTenant tenant_{clock_.Now()};
  MemoryStateStore store_;
  FakeArchive world_;
  RecordingChannel notices_;
  v1::ArchiveSettings settings_ = Settings();
  v1::DeviceAssignment assignment_;
  std::vector<v1::AssignedObligation> owed_;
  bool overdue_ = false, reports_work_ = true;
  std::vector<v1::ArchiveReport> reports_;
  std::unique_ptr<Archivist> archivist_;
};

}  // namespace muster::agent
