#include "bridge/adapters/yaml/yaml_document.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <exception>
#include <optional>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/bridge_limits.h"
#include "common/limits.h"
#include "common/utf8_check.h"

namespace muster::bridge {
namespace {

class DocumentBuilder final : public YAML::EventHandler {
 public:
  explicit DocumentBuilder(absl::string_view file) : file_(file) {}

  absl::StatusOr<ConfigNode> Take() {
    if (!error_.ok()) return error_;
    if (!root_.has_value()) return ConfigError(file_, 1, 1, "the file is empty");
    return *std::move(root_);
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) Fail(mark, "a second document begins here; keep one");
  }
  void OnDocumentEnd() override {}
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    Fail(mark, "an alias (*name) is not allowed; write the value out");
  }
  void OnAnchor(const YAML::Mark& mark, const std::string&) override {
    Fail(mark, "an anchor (&name) is not allowed; write the value out where it is used");
  }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
    Put(At(mark, ConfigNode::Kind::kEmpty));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                const std::string& value) override {
    CheckTag(mark, tag);
    ConfigNode node = At(mark, ConfigNode::Kind::kText);
    node.text = value;
    Put(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    Begin(mark, tag, ConfigNode::Kind::kList);
  }
  void OnSequenceEnd() override { End(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    Begin(mark, tag, ConfigNode::Kind::kMap);
  }
  void OnMapEnd() override { End(); }

 private:
  struct Open {
    ConfigNode node;
    std::optional<ConfigField> key;  // of a map: its value comes next
  };

  static ConfigNode At(const YAML::Mark& mark, ConfigNode::Kind kind) {
    ConfigNode node;
    node.kind = kind;
    node.line = mark.line + 1;
    node.column = mark.column + 1;
    return node;
  }

  void Fail(const YAML::Mark& mark, absl::string_view message) {
    if (error_.ok()) error_ = ConfigError(file_, mark.line + 1, mark.column + 1, message);
  }

  // "?" and "!" are yaml-cpp's own for a scalar without a tag.
  void CheckTag(const YAML::Mark& mark, const std::string& tag) {
    if (!tag.empty() && tag != "?" && tag != "!") Fail(mark, "a tag (!name) is not allowed");
  }

  void Begin(const YAML::Mark& mark, const std::string& tag, ConfigNode::Kind kind) {
    CheckTag(mark, tag);
    if (!open_.empty() && open_.back().node.kind == ConfigNode::Kind::kMap && !open_.back().key) {
      Fail(mark, "a key must be one word of text");
    }
    if (open_.size() >= static_cast<size_t>(limits::kMaxYamlDepth)) Fail(mark, "nested too deep");
    if (error_.ok()) open_.push_back({At(mark, kind), std::nullopt});
  }

  void End() {
    if (!error_.ok()) return;
    ConfigNode node = std::move(open_.back().node);
    open_.pop_back();
    Put(std::move(node));
  }

  void Put(ConfigNode node) {
    if (!error_.ok()) return;
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.kind == ConfigNode::Kind::kList) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.key.has_value()) {
      PutKey(&parent, node);
    } else {
      parent.key->value = std::move(node);
      parent.node.fields.push_back(*std::move(parent.key));
      parent.key.reset();
    }
  }

  void PutKey(Open* parent, const ConfigNode& node) {
    for (const ConfigField& field : parent->node.fields) {
      if (field.key != node.text) continue;
      error_ =
          ConfigError(file_, node.line, node.column,
                      absl::StrCat("key '", node.text, "' is there already, in line ", field.line));
      return;
    }
    parent->key = ConfigField{node.text, node.line, node.column, {}};
  }

  const absl::string_view file_;
  absl::Status error_;
  std::optional<ConfigNode> root_;
  std::vector<Open> open_;
  int documents_ = 0;
};

absl::Status CheckText(absl::string_view file, absl::string_view text) {
  if (text.size() > limits::kMaxBridgeConfigBytes) {
    return ConfigError(
        file, 1, 1,
        absl::StrCat("the file is larger than ", limits::kMaxBridgeConfigBytes, " bytes"));
  }
  Utf8Check utf8;
  utf8.Add(text);
  if (utf8.invalid_at().has_value() || utf8.cut()) {
    return ConfigError(file, 1, 1, "the file is not UTF-8 text");
  }
  int line = 1, column = 1;
  for (const char c : text) {
    const bool layout = c == '\n' || c == '\t' || c == '\r';
    if ((static_cast<unsigned char>(c) < 0x20 && !layout) || c == 0x7F) {
      return ConfigError(file, line, column, "a control character; remove it");
    }
    ++column;
    if (c == '\n') ++line, column = 1;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ConfigError(absl::string_view file, int line, int column, absl::string_view message) {
  return absl::InvalidArgumentError(absl::StrCat(file, ":", line, ":", column, ": ", message));
}

absl::StatusOr<ConfigNode> ReadConfigDocument(absl::string_view file, absl::string_view text) {
  const absl::Status good = CheckText(file, text);
  if (!good.ok()) return good;
  DocumentBuilder builder(file);
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser(in);
    if (parser.HandleNextDocument(builder)) parser.HandleNextDocument(builder);
  } catch (const YAML::Exception& e) {
    // What went wrong in our own words stands before what the parser makes of the rest.
    if (auto read = builder.Take(); !read.ok() && e.mark.is_null()) return read.status();
    return ConfigError(file, e.mark.line + 1, e.mark.column + 1,
                       absl::StrCat("this is no YAML: ", e.msg));
  } catch (const std::exception&) {
    return ConfigError(file, 1, 1, "this is no YAML");
  }
  return builder.Take();
}

}  // namespace muster::bridge
