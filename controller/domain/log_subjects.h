// What an entry of the audit log is about, for the search. Pure.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"

namespace muster {

// Gathers "person/<id>", "device/<id>", "app/<id>", "request/<id>", "grant/<id>", "incident/<id>",
// "hold/<id>", "run/<id>", each once, in the order found; never more than
// limits::kMaxLogSubjects, none longer than limits::kMaxLogSubjectBytes. Thread-compatible.
class LogSubjects {
 public:
  // The id of a person by name; the name itself when nobody has it.
  using PersonId = std::function<std::string(const std::string& upn)>;

  void Add(absl::string_view kind, absl::string_view id);
  // A person's id or "device/<id>"; "muster" is nobody.
  void AddActor(absl::string_view actor_id);
  // Of an entry: "request/REQ-1", "member/<app>/<person>", "document/assignment/<device>@3".
  void AddObject(absl::string_view object);
  // Whatever a record names in a field of that name (person_id, device_id …), at any depth.
  void AddRecord(const google::protobuf::Message& record);
  // Whatever a call was asked about; persons also by UPN.
  void AddQuery(const google::protobuf::Message& request, const PersonId& person_id);

  const std::vector<std::string>& get() const { return subjects_; }

 private:
  void AddFields(const google::protobuf::Message& message, int depth);

  std::vector<std::string> subjects_;
};

}  // namespace muster
