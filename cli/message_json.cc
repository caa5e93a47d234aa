#include "cli/message_json.h"

#include <map>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "cli/duration.h"
#include "common/time_proto.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace muster::cli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

Json SubmessageJson(const Message& message) {
  const std::string& type = message.GetDescriptor()->full_name();
  if (type == "google.protobuf.Timestamp") {
    return TimeText(FromProto(static_cast<const google::protobuf::Timestamp&>(message)));
  }
  if (type == "google.protobuf.Duration") {
    return DurationText(FromProto(static_cast<const google::protobuf::Duration&>(message)));
  }
  return MessageJson(message);
}

Json TextJson(const FieldDescriptor& field, const std::string& value) {
  if (field.type() != FieldDescriptor::TYPE_BYTES) return value;
  return absl::BytesToHexString(value);
}

// An enum value that this build does not know (a newer controller) is printed as its number.
Json EnumJson(const FieldDescriptor& field, int number) {
  const auto* value = field.enum_type()->FindValueByNumber(number);
  return value == nullptr ? Json(number) : Json(value->name());
}

Json SingleJson(const Message& message, const FieldDescriptor& field) {
  const Reflection& r = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return r.GetInt32(message, &field);
    case FieldDescriptor::CPPTYPE_INT64:
      return r.GetInt64(message, &field);
    case FieldDescriptor::CPPTYPE_UINT32:
      return r.GetUInt32(message, &field);
    case FieldDescriptor::CPPTYPE_UINT64:
      return r.GetUInt64(message, &field);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return r.GetDouble(message, &field);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return r.GetFloat(message, &field);
    case FieldDescriptor::CPPTYPE_BOOL:
      return r.GetBool(message, &field);
    case FieldDescriptor::CPPTYPE_ENUM:
      return EnumJson(field, r.GetEnumValue(message, &field));
    case FieldDescriptor::CPPTYPE_STRING:
      return TextJson(field, r.GetString(message, &field));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return SubmessageJson(r.GetMessage(message, &field));
  }
  return nullptr;
}

Json ElementJson(const Message& message, const FieldDescriptor& field, int i) {
  const Reflection& r = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return r.GetRepeatedInt32(message, &field, i);
    case FieldDescriptor::CPPTYPE_INT64:
      return r.GetRepeatedInt64(message, &field, i);
    case FieldDescriptor::CPPTYPE_UINT32:
      return r.GetRepeatedUInt32(message, &field, i);
    case FieldDescriptor::CPPTYPE_UINT64:
      return r.GetRepeatedUInt64(message, &field, i);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return r.GetRepeatedDouble(message, &field, i);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return r.GetRepeatedFloat(message, &field, i);
    case FieldDescriptor::CPPTYPE_BOOL:
      return r.GetRepeatedBool(message, &field, i);
    case FieldDescriptor::CPPTYPE_ENUM:
      return EnumJson(field, r.GetRepeatedEnumValue(message, &field, i));
    case FieldDescriptor::CPPTYPE_STRING:
      return TextJson(field, r.GetRepeatedString(message, &field, i));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return SubmessageJson(r.GetRepeatedMessage(message, &field, i));
  }
  return nullptr;
}

// Keys sorted: protobuf gives no order.
Json MapJson(const Message& message, const FieldDescriptor& field) {
  std::map<std::string, Json> sorted;
  const FieldDescriptor& key = *field.message_type()->map_key();
  const FieldDescriptor& value = *field.message_type()->map_value();
  for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) {
    const Message& entry = message.GetReflection()->GetRepeatedMessage(message, &field, i);
    const Json name = SingleJson(entry, key);
    sorted[name.is_string() ? name.get<std::string>() : name.dump()] = SingleJson(entry, value);
  }
  Json out = Json::object();
  for (auto& [name, v] : sorted) out[name] = std::move(v);
  return out;
}

Json ListJson(const Message& message, const FieldDescriptor& field) {
  Json out = Json::array();
  const int size = message.GetReflection()->FieldSize(message, &field);
  for (int i = 0; i < size; ++i) out.push_back(ElementJson(message, field, i));
  return out;
}

}  // namespace

Json MessageJson(const Message& message) {
  Json out = Json::object();
  const auto& descriptor = *message.GetDescriptor();
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const FieldDescriptor& field = *descriptor.field(i);
    if (field.is_map()) {
      out[field.name()] = MapJson(message, field);
    } else if (field.is_repeated()) {
      out[field.name()] = ListJson(message, field);
    } else if (!field.has_presence() || message.GetReflection()->HasField(message, &field)) {
      out[field.name()] = SingleJson(message, field);
    }
  }
  return out;
}

Json Lifted(const Json& view, const char* field) {
  Json out = Json::object();
  if (view.contains(field)) out = view.at(field);
  for (const auto& [name, value] : view.items()) {
    if (name != field) out[name] = value;
  }
  return out;
}

std::string CompactJson(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace muster::cli
