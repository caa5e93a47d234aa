// A folder of our own with bags in it, and ways to damage them.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "archive/files/bag_files.h"
#include "archive/files/checksums.h"
#include "common/crypto.h"

namespace muster::archive {

class BagTest : public testing::Test {
 protected:
  BagTest() {
    std::string name = (std::filesystem::temp_directory_path() / "muster-bag-XXXXXX").string();
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    dir_ = name;
  }
  ~BagTest() override { std::filesystem::remove_all(dir_); }

  std::string Path(const std::string& name) const { return (dir_ / name).string(); }
  std::string Read(const std::string& name) const {
    std::ifstream in(Path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void Write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((dir_ / name).parent_path());
    std::ofstream(Path(name), std::ios::binary) << text;
  }
  // Every file below the folder, with its content.
  std::map<std::string, std::string> All() const {
    std::map<std::string, std::string> all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(dir_)) {
      const std::string name = std::filesystem::relative(entry.path(), dir_).string();
      if (entry.is_regular_file()) all[name] = Read(name);
    }
    return all;
  }

  absl::StatusOr<PackedBag> Pack(const std::string& id, const std::string& export_text,
                                 BagInfo info = {{"Muster-Person", "p1"}}) {
    Write("in.txt", export_text);
    const int fd = open(Path("in.txt").c_str(), O_RDONLY | O_CLOEXEC);
    auto packed = PackBag(dir_.string(), {.payload_fd = fd,
                                          .payload_name = "chat.txt",
                                          .info = std::move(info),
                                          .bag_id = id,
                                          .expected_sha256 = Sha256Hex(export_text)});
    close(fd);
    return packed;
  }

  static std::string Sum(const std::string& algorithm, const std::string& bytes) {
    auto sums = Checksums::Of({algorithm});
    sums->Add(bytes);
    return sums->Finish()->front();
  }

  // A bag by hand: `files` with their path in it; checksums are made for them.
  void MakeBag(const std::string& id, const std::map<std::string, std::string>& files,
               const std::vector<std::string>& algorithms = {"sha256", "sha512"}) const {
    std::filesystem::create_directories(dir_ / id / "data");
    Write(id + "/bagit.txt", FormatBagDeclaration());
    for (const auto& [path, bytes] : files) Write(absl::StrCat(id, "/", path), bytes);
    for (const std::string& algorithm : algorithms) {
      Manifest payload;
      for (const auto& [path, bytes] : files) {
        if (path.compare(0, 5, "data/") == 0) payload[path] = Sum(algorithm, bytes);
      }
      Write(absl::StrCat(id, "/manifest-", algorithm, ".txt"), FormatManifest(payload));
    }
    Seal(id, algorithms);
  }

  // Makes the tag manifests of the tag files as they are now, as somebody would who lies.
  void Seal(const std::string& id,
            const std::vector<std::string>& algorithms = {"sha256", "sha512"}) const {
    for (const std::string& algorithm : algorithms) {
      Manifest tags;
      for (const auto& entry : std::filesystem::directory_iterator(dir_ / id)) {
        const std::string name = entry.path().filename().string();
        if (!entry.is_regular_file() || name.compare(0, 12, "tagmanifest-") == 0) continue;
        tags[name] = Sum(algorithm, Read(absl::StrCat(id, "/", name)));
      }
      Write(absl::StrCat(id, "/tagmanifest-", algorithm, ".txt"), FormatManifest(tags));
    }
  }

  std::string Code(const std::string& id) const {
    const auto bag = ValidateBag(Path(id));
    if (bag.ok()) return "OK";
    const std::string code = BagCodeOf(bag.status());
    return code.empty() ? bag.status().ToString() : code;
  }

  std::filesystem::path dir_;
};

}  // namespace muster::archive
