// Reads the keys of one map: each once, by name, and whatever was not asked for is an error. The
// first error stays; everything after it reads as absent. Belongs to bridge_config.cc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "bridge/adapters/yaml/yaml_document.h"

namespace muster::bridge {

// Shared by all readers of one file. Thread-compatible.
class ConfigProblems {
 public:
  explicit ConfigProblems(std::string file) : file_(std::move(file)) {}
  void Add(int line, int column, absl::string_view message) {
    if (status_.ok()) status_ = ConfigError(file_, line, column, message);
  }
  const absl::Status& status() const { return status_; }
  const std::string& file() const { return file_; }

 private:
  const std::string file_;
  absl::Status status_;
};

class ConfigReader {
 public:
  // `what` names the map in messages: "uem", "an app".
  ConfigReader(const ConfigNode& map, absl::string_view what, ConfigProblems* problems);

  // Text of at least one byte, on one line.
  std::string Text(absl::string_view key, bool required);
  // One of `words`; the first when it is absent.
  std::string Word(absl::string_view key, const std::vector<absl::string_view>& words);
  // A path; one that does not begin with '/' is taken from the folder of the file.
  std::string Path(absl::string_view key, bool required);
  uint64_t Number(absl::string_view key, uint64_t otherwise, uint64_t least, uint64_t most);
  absl::Duration Time(absl::string_view key, absl::Duration otherwise, absl::Duration least,
                      absl::Duration most);
  // 8-4-4-4-12 hex digits; in lower case.
  std::string Uuid(absl::string_view key, bool required);
  // Null: absent, or not of that kind (which is an error).
  const ConfigNode* Map(absl::string_view key, bool required);
  const ConfigNode* List(absl::string_view key);
  // An error about the value of `key`, or about the map when it is absent.
  void Fail(absl::string_view key, absl::string_view message);
  // Call last: every key that was not asked for is an error.
  void Done();

 private:
  const ConfigField* Find(absl::string_view key, bool required);
  const ConfigField* Scalar(absl::string_view key, bool required);

  const ConfigNode& map_;
  const std::string what_;
  ConfigProblems* const problems_;
  std::vector<std::string> asked_;
};

}  // namespace muster::bridge
