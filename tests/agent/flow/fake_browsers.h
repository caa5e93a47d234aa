// Policy directories in memory.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/flow/browser_policies.h"

namespace muster::agent {

class FakeBrowsers final : public BrowserPolicies {
 public:
  absl::StatusOr<PolicyDirectory> Read(const std::string& dir) override {
    if (dir == broken_dir) return absl::FailedPreconditionError("it is a link");
    PolicyDirectory out;
    if (dir == unread.first) out.unread.push_back(unread.second);
    for (const auto& [path, file] : files_) {
      const size_t slash = path.find_last_of('/');
      if (path.substr(0, slash) == dir) out.files[path.substr(slash + 1)] = file;
    }
    return out;
  }
  absl::Status Write(const std::string& dir, const std::string& name,
                     absl::string_view text) override {
    if (before_write && !before_write()) return absl::ResourceExhaustedError("no space");
    ++writes;
    files_[absl::StrCat(dir, "/", name)] = {std::string(text), true};
    return absl::OkStatus();
  }
  absl::Status Remove(const std::string& dir, const std::string& name) override {
    if (before_write && !before_write()) return absl::UnavailableError("stopped");
    files_.erase(absl::StrCat(dir, "/", name));
    return absl::OkStatus();
  }

  // path -> text
  std::map<std::string, std::string> Texts() const {
    std::map<std::string, std::string> out;
    for (const auto& [path, file] : files_) out[path] = file.text;
    return out;
  }
  void Put(const std::string& path, std::string text) { files_[path] = {std::move(text), true}; }
  void Drop(const std::string& path) { files_.erase(path); }
  void MakeUnsound(const std::string& path) { files_[path].sound = false; }

  std::string broken_dir;
  std::pair<std::string, std::string> unread;  // directory, name
  std::function<bool()> before_write;          // false: that write or removal fails
  int writes = 0;

 private:
  std::map<std::string, PolicyDirectory::File> files_;
};

}  // namespace muster::agent
