// A folder that is gone when the test is.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>

namespace muster {

class TempDir {
 public:
  TempDir() {
    std::string pattern = (Parent() / "muster-test-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) ADD_FAILURE() << "mkdtemp failed";
    path_ = pattern;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }
  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  // In memory where there is room: these tests sync thousands of times.
  static std::filesystem::path Parent() {
    std::error_code error;
    const auto memory = std::filesystem::space("/dev/shm", error);
    constexpr uintmax_t kEnough = 512 << 20;
    if (!error && memory.available > kEnough) return "/dev/shm";
    return std::filesystem::temp_directory_path();
  }

  std::string path_;
};

}  // namespace muster
