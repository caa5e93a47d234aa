// Writes exports as phones do, with the truth about them: forms of date, languages, seeds.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "archive/export_reader.h"

namespace muster::archive {

// How a phone's language writes a time and the app's own sentences.
struct ExportForm {
  const char* name;
  // d dd M MM yy yyyy H HH h hh mm ss, a: the half of the day, B: a Buddhist year; other characters
  // stand for themselves, letters in '…' too.
  const char* stamp;
  DateOrder order;
  const char* morning;
  const char* afternoon;
  char32_t zero;  // of its digits
  const char* encrypted;
  const char* omitted;
  const char* attached_before;  // of the name
  const char* attached_after;
  const char* edited;
  const char* deleted;
  bool ios;  // marks in front of what the app says
};
const std::vector<ExportForm>& ExportForms();

struct WrittenEntry {
  absl::CivilSecond time;
  EntryKind kind = EntryKind::kMessage;
  unsigned flags = 0;
  std::string author;
  std::string line;  // as it is written, with its line break
};

struct WriteOptions {
  uint64_t seed = 1;
  int entries = 60;
  absl::CivilSecond begin = absl::CivilSecond(2020, 1, 2, 8, 0, 0);
  int days = 90;  // between first and last, about
  const char* newline = "\n";
  bool from_start = true;  // begins with the app's first line
  bool media = true;       // files are there
};

struct WrittenExport {
  std::vector<WrittenEntry> entries;
  std::set<std::string, std::less<>> files;
  std::string Text() const;
};

std::string WriteStamp(const ExportForm& form, absl::CivilSecond time);
WrittenExport WriteExport(const ExportForm& form, const WriteOptions& options);

}  // namespace muster::archive
