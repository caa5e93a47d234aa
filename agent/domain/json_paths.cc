#include "agent/domain/json_paths.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "common/agent_limits.h"

namespace muster::agent {
namespace {

using Json = nlohmann::json;

class Handler final : public nlohmann::json_sax<Json> {
 public:
  explicit Handler(const std::function<void(const JsonPath&, const std::string&)>& each)
      : each_(each) {}

  bool null() override { return Value(nullptr); }
  bool boolean(bool v) override {
    const std::string text = v ? "true" : "false";
    return Value(&text);
  }
  bool number_integer(Json::number_integer_t) override { return Value(nullptr); }
  bool number_unsigned(Json::number_unsigned_t) override { return Value(nullptr); }
  bool number_float(Json::number_float_t, const std::string&) override { return Value(nullptr); }
  bool string(std::string& v) override { return Value(&v); }
  bool binary(Json::binary_t&) override { return false; }
  bool start_object(size_t) override { return Open(-1); }
  bool key(std::string& v) override {
    path_.back() = std::move(v);
    return true;
  }
  bool end_object() override { return Close(); }
  bool start_array(size_t) override { return Open(0); }
  bool end_array() override { return Close(); }
  bool parse_error(size_t, const std::string&, const Json::exception&) override { return false; }

 private:
  // Where the next value of an array stands; an object's key came before.
  void Place() {
    if (!counts_.empty() && counts_.back() >= 0) path_.back() = absl::StrCat("#", counts_.back()++);
  }
  bool Open(int count) {
    Place();
    if (path_.size() >= limits::kMaxJsonDepth) return false;
    counts_.push_back(count);
    path_.emplace_back();
    return true;
  }
  bool Close() {
    counts_.pop_back();
    path_.pop_back();
    return true;
  }
  bool Value(const std::string* text) {
    Place();
    if (text != nullptr) each_(path_, *text);
    return true;
  }

  const std::function<void(const JsonPath&, const std::string&)>& each_;
  JsonPath path_;
  std::vector<int> counts_;  // per level: -1 an object, else elements seen so far
};

}  // namespace

bool ForEachJsonString(absl::string_view json,
                       const std::function<void(const JsonPath&, const std::string&)>& each) {
  Handler handler(each);
  return Json::sax_parse(json.begin(), json.end(), &handler);
}

}  // namespace muster::agent
