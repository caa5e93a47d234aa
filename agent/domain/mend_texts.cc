#include "agent/domain/mend_texts.h"

#include <string>
#include <vector>

#include "agent/domain/text.h"

namespace muster::agent {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr size_t kReplacementBytes = 3;  // of U+FFFD, which takes the place of one byte

std::string Mended(const std::string& text) {
  return IsUtf8(text) ? text : CleanText(text, text.size() * kReplacementBytes);
}

void MendField(const Reflection& fields, const FieldDescriptor* field, Message& message) {
  const bool text = field->type() == FieldDescriptor::TYPE_STRING;
  if (!text && field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) return;
  if (!field->is_repeated()) {
    if (!text) return MendTexts(*fields.MutableMessage(&message, field));
    return fields.SetString(&message, field, Mended(fields.GetString(message, field)));
  }
  for (int i = 0; i < fields.FieldSize(message, field); ++i) {
    if (text) {
      fields.SetRepeatedString(&message, field, i,
                               Mended(fields.GetRepeatedString(message, field, i)));
    } else {
      MendTexts(*fields.MutableRepeatedMessage(&message, field, i));
    }
  }
}

}  // namespace

void MendTexts(Message& message) {
  const Reflection& fields = *message.GetReflection();
  std::vector<const FieldDescriptor*> present;
  fields.ListFields(message, &present);
  for (const FieldDescriptor* field : present) MendField(fields, field, message);
}

}  // namespace muster::agent
