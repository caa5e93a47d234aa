#include "controller/adapters/yaml/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <exception>
#include <map>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "controller/adapters/yaml/text_check.h"

namespace muster {
namespace {

constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";

// yaml-cpp's tags for a scalar without a tag: plain, and in quotes or a block.
constexpr absl::string_view kPlain = "?";
constexpr absl::string_view kNotPlain = "!";

class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(FileIssues* issues) : issues_(issues) {}

  bool broken() const { return broken_; }

  // Only a whole tree; the issues say why there is none.
  std::optional<YamlNode> TakeRoot() {
    if (broken_ || !root_.has_value()) return std::nullopt;
    return std::move(root_);
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ != 2) return;
    Break(mark,
          "a second YAML document or text after the end of the first starts here; keep one "
          "document per file");
  }
  void OnDocumentEnd() override {}
  void OnAnchor(const YAML::Mark& mark, const std::string& name) override {
    if (broken_) return;
    Report(mark, absl::StrCat("anchor ", Quoted(absl::StrCat("&", name)),
                              " is not allowed; write the value out where it is used"));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    Break(mark, "aliases (*name) are not allowed; write the value out");
  }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
    if (!broken_) Place(NodeAt(mark, YamlNode::Kind::kNull));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                const std::string& value) override {
    if (broken_) return;
    CheckTag(mark, tag);
    YamlNode node = NodeAt(mark, YamlNode::Kind::kScalar);
    node.text = value;
    node.quoted = tag != kPlain;
    Place(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    Open(mark, tag, YamlNode::Kind::kSequence);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    Open(mark, tag, YamlNode::Kind::kMap);
  }
  void OnMapEnd() override { Close(); }

 private:
  // A list or map being read.
  struct Frame {
    YamlNode node;
    std::optional<YamlField> key;     // map: the key whose value comes next
    bool duplicate = false;           // map: that value belongs to a repeated key
    std::map<std::string, int> keys;  // map: every key so far and its line
  };

  static YamlNode NodeAt(const YAML::Mark& mark, YamlNode::Kind kind) {
    YamlNode node;
    node.kind = kind;
    node.line = mark.line + 1;
    node.column = mark.column + 1;
    return node;
  }

  void Report(const YAML::Mark& mark, std::string message) {
    issues_->Error(mark.line + 1, mark.column + 1, std::move(message));
  }

  // After this nothing that follows is looked at: it could only mislead.
  void Break(const YAML::Mark& mark, std::string message) {
    if (broken_) return;
    Report(mark, std::move(message));
    broken_ = true;
  }

  void CheckTag(const YAML::Mark& mark, const std::string& tag) {
    if (tag.empty() || tag == kPlain || tag == kNotPlain) return;
    Report(mark, absl::StrCat("tag ", Quoted(tag), " is not allowed; remove it"));
  }

  void Open(const YAML::Mark& mark, const std::string& tag, YamlNode::Kind kind) {
    if (broken_) return;
    CheckTag(mark, tag);
    if (!open_.empty() && open_.back().node.kind == YamlNode::Kind::kMap && !open_.back().key) {
      return Break(mark, "a key must be plain text, not a list or a map");
    }
    if (open_.size() >= static_cast<size_t>(limits::kMaxYamlDepth)) {
      return Break(mark, absl::StrCat("nested deeper than ", limits::kMaxYamlDepth,
                                      " levels; no file of Muster needs more than 4"));
    }
    open_.push_back(Frame{NodeAt(mark, kind), std::nullopt, false, {}});
  }

  void Close() {
    if (broken_) return;
    YamlNode node = std::move(open_.back().node);
    open_.pop_back();
    Place(std::move(node));
  }

  void Place(YamlNode node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& parent = open_.back();
    if (parent.node.kind == YamlNode::Kind::kSequence) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.key.has_value()) {
      PlaceKey(&parent, std::move(node));
    } else {
      // yaml-cpp gives an absent value the position of what follows it, lines later.
      if (node.kind == YamlNode::Kind::kNull && node.line != parent.key->line) {
        node.line = parent.key->line;
        node.column = parent.key->column;
      }
      parent.key->value = std::move(node);
      if (!parent.duplicate) parent.node.fields.push_back(*std::move(parent.key));
      parent.key.reset();
    }
  }

  void PlaceKey(Frame* parent, YamlNode node) {
    if (node.kind == YamlNode::Kind::kNull) {
      issues_->Error(node, "a key is missing before ':'; write key: value");
    }
    const auto [first, is_new] = parent->keys.emplace(node.text, node.line);
    if (!is_new) {
      issues_->Error(node, absl::StrCat("key ", Quoted(node.text), " is already given in line ",
                                        first->second, "; keep one of them"));
    }
    parent->duplicate = !is_new || node.kind == YamlNode::Kind::kNull;
    parent->key = YamlField{std::move(node.text), node.line, node.column, {}};
  }

  FileIssues* issues_;
  std::optional<YamlNode> root_;
  std::vector<Frame> open_;
  int documents_ = 0;
  bool broken_ = false;
};

// Reports the first character that may not stand in a file; yaml-cpp would stop silently at
// some (U+0004) and guess an encoding from others (NUL).
bool CheckCharacters(absl::string_view text, FileIssues* issues) {
  int line = 1, column = 1;
  const auto fail = [&](std::string message) {
    issues->Error(line, column, std::move(message));
    return false;
  };
  for (size_t i = 0; i < text.size();) {
    const std::optional<CodePoint> c = DecodeUtf8(text, i);
    if (!c.has_value()) return fail("not valid UTF-8; save the file as UTF-8 text");
    const bool line_end = c->value == '\r' && i + 1 < text.size() && text[i + 1] == '\n';
    if (IsControl(c->value) && c->value != '\n' && c->value != '\t' && !line_end) {
      return fail(absl::StrCat("control character U+00", absl::Hex(c->value, absl::kZeroPad2),
                               " is not allowed; remove it"));
    }
    if (IsDeceptive(c->value)) {
      return fail(absl::StrCat("invisible character U+", absl::Hex(c->value, absl::kZeroPad4),
                               " is not allowed; remove it"));
    }
    i += c->bytes;
    column += static_cast<int>(c->bytes);
    if (c->value == '\n') ++line, column = 1;
  }
  return true;
}

void ReportParserError(const YAML::Mark& mark, const std::string& what, FileIssues* issues) {
  const std::string message =
      absl::StrCat("not valid YAML: ", IsPrintable(what, false) ? what.substr(0, 200) : "bad text",
                   "; check indentation, colons and quotes here");
  if (mark.is_null()) {
    issues->Error(0, 0, message);
  } else {
    issues->Error(mark.line + 1, mark.column + 1, message);
  }
}

}  // namespace

void FileIssues::Error(int line, int column, std::string message) {
  if (issues_.size() >= limits::kMaxIssues) {
    ++left_out_;
    return;
  }
  issues_.push_back({PolicyIssue::Severity::kError, file_, line, column, std::move(message)});
}

void FileIssues::Error(const YamlNode& at, std::string message) {
  Error(at.line, at.column, std::move(message));
}

std::vector<PolicyIssue> FileIssues::Take() {
  if (left_out_ > 0) {
    issues_.back() = {
        PolicyIssue::Severity::kError, file_, 0, 0,
        absl::StrCat(left_out_ + 1,
                     " more issues in this file are not shown; correct the others first")};
  }
  return std::move(issues_);
}

bool IsPrintable(absl::string_view text, bool multiline) {
  for (size_t i = 0; i < text.size();) {
    const std::optional<CodePoint> c = DecodeUtf8(text, i);
    if (!c.has_value() || IsDeceptive(c->value)) return false;
    const bool layout = c->value == '\n' || c->value == '\t';
    if (IsControl(c->value) && !(multiline && layout)) return false;
    i += c->bytes;
  }
  return true;
}

std::string Quoted(absl::string_view text) {
  std::string shown = "'";
  for (size_t i = 0; i < text.size();) {
    const std::optional<CodePoint> c = DecodeUtf8(text, i);
    const size_t bytes = c.has_value() ? c->bytes : 1;
    if (i + bytes > limits::kMaxQuotedBytes) {
      absl::StrAppend(&shown, "…");
      break;
    }
    const bool bad = !c.has_value() || IsControl(c->value) || IsDeceptive(c->value);
    absl::StrAppend(&shown, bad ? absl::string_view("?") : text.substr(i, bytes));
    i += bytes;
  }
  return absl::StrCat(shown, "'");
}

std::optional<YamlNode> ParseYaml(absl::string_view text, FileIssues* issues) {
  if (text.size() > limits::kMaxPolicyFileBytes) {
    issues->Error(0, 0,
                  absl::StrCat("the file has ", text.size(), " bytes; at most ",
                               limits::kMaxPolicyFileBytes, " are allowed"));
    return std::nullopt;
  }
  if (text.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
    text.remove_prefix(kByteOrderMark.size());
  }
  if (!CheckCharacters(text, issues)) return std::nullopt;
  TreeBuilder builder(issues);
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser(in);
    if (parser.HandleNextDocument(builder)) parser.HandleNextDocument(builder);
  } catch (const YAML::Exception& e) {
    if (!builder.broken()) ReportParserError(e.mark, e.msg, issues);
    return std::nullopt;
  } catch (const std::exception&) {
    issues->Error(0, 0, "not valid YAML; check the file's structure");
    return std::nullopt;
  }
  std::optional<YamlNode> root = builder.TakeRoot();
  if (!root.has_value() && issues->empty()) {
    issues->Error(0, 0, "the file is empty; write its keys or leave the file out");
  }
  return root;
}

}  // namespace muster
