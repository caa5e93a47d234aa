// Real files in a folder of the test's own: a machine, and what is on it.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "agent/adapters/files/local_machine.h"
#include "tests/agent/fakes.h"

namespace muster::agent {

namespace fs = std::filesystem;

class FilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char dir[] = "/tmp/muster-files-XXXXXX";
    ASSERT_NE(mkdtemp(dir), nullptr);
    dir_ = dir;
  }
  void TearDown() override { fs::remove_all(dir_); }
  void Put(const std::string& name, const std::string& text, unsigned mode = 0644) {
    fs::create_directories(fs::path(dir_ + "/" + name).parent_path());
    std::ofstream(dir_ + "/" + name) << text;
    chmod((dir_ + "/" + name).c_str(), mode);
  }
  unsigned ModeOf(const std::string& path) {
    struct stat st = {};
    stat(path.c_str(), &st);
    return st.st_mode & 07777;
  }
  std::string dir_;
};

class MachineTest : public FilesTest {
 protected:
  LocalMachine Machine() {
    MachinePaths paths;
    paths.dpkg_admindir = dir_ + "/dpkg";
    paths.flatpak_dir = dir_ + "/flatpak";
    paths.snap_dir = dir_ + "/snap";
    paths.home_dir = dir_ + "/home";
    paths.passwd = dir_ + "/passwd";
    paths.rpm_db = dir_ + "/rpm";
    paths.opt_dir = dir_ + "/opt";
    paths.application_dirs = {dir_ + "/applications"};
    paths.helper_dir = helper_dir_.empty() ? dir_ + "/no-helpers" : helper_dir_;
    return LocalMachine(paths);
  }
  // "ORIGIN id version account" of all there is, paths without the test's folder.
  std::vector<std::string> Lines(const InventoryRead& read) const {
    std::vector<std::string> out;
    for (const v1::InventoryItem& i : read.items) {
      out.push_back(absl::StrReplaceAll(
          absl::StrCat(v1::Origin::Kind_Name(i.origin()), " ", i.package_id(), " ", i.version(),
                       i.account_name().empty() ? "" : " @" + i.account_name()),
          {{dir_, ""}}));
    }
    return out;
  }
  std::string helper_dir_;
  void PutFlatpak(const std::string& root, const std::string& id) {
    const std::string app = root + "/app/" + id;
    Put(app + "/x86_64/stable/abc/files/bin/run", "x", 0755);
    Put(app + "/x86_64/stable/abc/files/share/data", "x", 0644);
    fs::create_directory_symlink("abc", dir_ + "/" + app + "/x86_64/stable/active");
    fs::create_directory_symlink("x86_64/stable", dir_ + "/" + app + "/current");
  }
};

}  // namespace muster::agent
