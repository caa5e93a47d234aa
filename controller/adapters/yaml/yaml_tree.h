// One strict YAML document as a tree that remembers where everything was written. Built from
// yaml-cpp's event stream, not from its nodes, which accept duplicate keys, expand aliases and
// know no depth limit. Never throws.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "controller/domain/policy_set.h"

namespace muster {

struct YamlField;

// Positions count from 1, columns in bytes.
struct YamlNode {
  enum class Kind { kNull, kScalar, kSequence, kMap };
  Kind kind = Kind::kNull;
  std::string text;     // kScalar
  bool quoted = false;  // kScalar: written in quotes or as a block, so it is text whatever it says
  int line = 0, column = 0;
  std::vector<YamlNode> items;    // kSequence
  std::vector<YamlField> fields;  // kMap, in file order, keys unique
};

struct YamlField {
  std::string key;
  int line = 0, column = 0;  // of the key
  YamlNode value;
};

// Collects the issues of one file; keeps at most limits::kMaxIssues of them.
class FileIssues {
 public:
  explicit FileIssues(std::string file) : file_(std::move(file)) {}
  void Error(int line, int column, std::string message);
  void Error(const YamlNode& at, std::string message);
  const std::string& file() const { return file_; }
  bool empty() const { return issues_.empty(); }
  std::vector<PolicyIssue> Take();

 private:
  std::string file_;
  std::vector<PolicyIssue> issues_;
  size_t left_out_ = 0;
};

// Foreign text as it may stand in a message: in single quotes, without control characters, cut
// to 64 bytes.
std::string Quoted(absl::string_view text);

// Issues: larger than limits::kMaxPolicyFileBytes, invalid UTF-8, control or text direction
// characters, bad YAML, anchors, aliases, tags, keys that are not text, duplicate keys, deeper
// than limits::kMaxYamlDepth, no or several documents. The tree is there whenever it is whole:
// duplicate keys keep the first value, anchors and tags are left out.
std::optional<YamlNode> ParseYaml(absl::string_view text, FileIssues* issues);

// True for text without control, text direction or invisible characters; newlines and tabs are
// control characters here unless `multiline`. `text` is valid UTF-8.
bool IsPrintable(absl::string_view text, bool multiline);

}  // namespace muster
