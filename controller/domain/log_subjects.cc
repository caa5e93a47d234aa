#include "controller/domain/log_subjects.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/log_limits.h"
#include "google/protobuf/descriptor.h"

namespace muster {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr int kMaxDepth = 8;  // of messages in messages

struct NamedField {
  absl::string_view name, kind;
};
constexpr std::array kIdFields = {
    NamedField{"person_id", "person"},     NamedField{"person_ids", "person"},
    NamedField{"owner_id", "person"},      NamedField{"device_id", "device"},
    NamedField{"app_id", "app"},           NamedField{"request_id", "request"},
    NamedField{"duplicate_of", "request"}, NamedField{"grant_id", "grant"},
    NamedField{"incident_id", "incident"}, NamedField{"hold_id", "hold"},
    NamedField{"run_id", "run"},
};
// Of calls alone: a record may use these words for something else.
constexpr std::array kQueryFields = {NamedField{"device", "device"}, NamedField{"app", "app"}};
constexpr std::array<absl::string_view, 6> kUpnFields = {"upn",       "person_upn", "person_upns",
                                                         "owner_upn", "person",     "actor"};
constexpr std::array<absl::string_view, 2> kObjectFields = {"object", "about"};

// How the parts of an object's name behind its first are to be read, one kind a part.
struct ObjectShape {
  absl::string_view noun;
  std::vector<absl::string_view> kinds;
};
const std::vector<ObjectShape>& ObjectShapes() {
  static const std::vector<ObjectShape> kShapes = {
      {"person", {"person"}},
      {"device", {"device"}},
      {"app", {"app"}},
      {"request", {"request"}},
      {"grant", {"grant"}},
      {"incident", {"incident"}},
      {"hold", {"hold"}},
      {"run", {"run"}},
      {"trm", {"app"}},
      {"member", {"app", "person"}},
      {"role", {"", "person"}},
      {"attestation", {"person"}},
      {"export", {"person", "app"}},
      {"statement", {"person", "app"}},
      {"obligation", {"person", "app", "device"}},
  };
  return kShapes;
}

absl::string_view KindOf(absl::string_view name) {
  const auto it = std::find_if(kIdFields.begin(), kIdFields.end(),
                               [&](const NamedField& field) { return field.name == name; });
  return it == kIdFields.end() ? absl::string_view() : it->kind;
}

bool IsText(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_STRING;
}

// The values of a field of text, repeated or not.
std::vector<std::string> TextsOf(const Message& message, const FieldDescriptor& field) {
  const auto* reflection = message.GetReflection();
  if (!field.is_repeated()) return {reflection->GetString(message, &field)};
  std::vector<std::string> out;
  const int count =
      std::min(reflection->FieldSize(message, &field), static_cast<int>(limits::kMaxLogSubjects));
  for (int i = 0; i < count; ++i) {
    out.push_back(reflection->GetRepeatedString(message, &field, i));
  }
  return out;
}

}  // namespace

void LogSubjects::Add(absl::string_view kind, absl::string_view id) {
  if (id.empty() || subjects_.size() == limits::kMaxLogSubjects) return;
  std::string subject = absl::StrCat(kind, "/", id);
  if (subject.size() > limits::kMaxLogSubjectBytes) return;
  if (std::find(subjects_.begin(), subjects_.end(), subject) != subjects_.end()) return;
  subjects_.push_back(std::move(subject));
}

void LogSubjects::AddActor(absl::string_view actor_id) {
  if (actor_id == "muster") return;
  absl::StrContains(actor_id, '/') ? AddObject(actor_id) : Add("person", actor_id);
}

void LogSubjects::AddObject(absl::string_view object) {
  std::vector<absl::string_view> parts = absl::StrSplit(object, '/');
  if (parts.size() == 3 && parts[0] == "document" && parts[1] == "assignment") {
    Add("device", parts[2].substr(0, parts[2].find('@')));
    return;
  }
  for (const ObjectShape& shape : ObjectShapes()) {
    if (shape.noun != parts[0]) continue;
    for (size_t i = 0; i < shape.kinds.size() && i + 1 < parts.size(); ++i) {
      if (!shape.kinds[i].empty()) Add(shape.kinds[i], parts[i + 1]);
    }
    return;
  }
}

void LogSubjects::AddRecord(const Message& record) { AddFields(record, 0); }

void LogSubjects::AddFields(const Message& message, int depth) {
  const auto* reflection = message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (subjects_.size() == limits::kMaxLogSubjects) return;
    if (IsText(*field)) {
      const absl::string_view kind = KindOf(field->name());
      if (kind.empty()) continue;
      for (const std::string& id : TextsOf(message, *field)) Add(kind, id);
      continue;
    }
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || depth == kMaxDepth) continue;
    if (!field->is_repeated()) {
      AddFields(reflection->GetMessage(message, field), depth + 1);
      continue;
    }
    for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
      if (subjects_.size() == limits::kMaxLogSubjects) return;
      AddFields(reflection->GetRepeatedMessage(message, field, i), depth + 1);
    }
  }
}

void LogSubjects::AddQuery(const Message& request, const PersonId& person_id) {
  std::vector<const FieldDescriptor*> fields;
  request.GetReflection()->ListFields(request, &fields);
  for (const FieldDescriptor* field : fields) {
    if (!IsText(*field)) continue;
    const absl::string_view name = field->name();
    const auto is = [&](absl::string_view other) { return name == other; };
    const bool object = std::any_of(kObjectFields.begin(), kObjectFields.end(), is);
    const bool upn = std::any_of(kUpnFields.begin(), kUpnFields.end(), is);
    absl::string_view kind = KindOf(name);
    for (const NamedField& query : kQueryFields) {
      if (query.name == name) kind = query.kind;
    }
    for (const std::string& text : TextsOf(request, *field)) {
      if (object) AddObject(text);
      if (upn && !text.empty()) Add("person", person_id(text));
      if (!kind.empty()) Add(kind, text);
    }
  }
}

}  // namespace muster
