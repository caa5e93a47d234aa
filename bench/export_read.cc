// Exports for bench/export.sh, and how fast they are read.
//   export_read write FORM MB FILE    a chat of about so many MB; FORM: android-us, android-de,
//   ios-us
//   export_read parse FILE            from disk to the summary of a text, as its peer does
//   export_read read FILE             as `archive inspect`: text or zip, with its SHA-256
// Both print: BYTES SECONDS PEAK_KB MESSAGES
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <random>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "absl/time/civil_time.h"
#include "archive/files/export_file.h"

namespace {

using Random = std::mt19937_64;

// Words of no language, so that a zip of them is about as large as one of real talk.
std::string Words(Random& random) {
  std::string out;
  const uint64_t count = 2 + random() % 24;
  for (uint64_t i = 0; i < count; ++i) {
    if (i > 0) out += random() % 40 == 0 ? "\n" : " ";
    const uint64_t letters = 2 + random() % 8;
    for (uint64_t j = 0; j < letters; ++j) out += static_cast<char>('a' + random() % 26);
  }
  return out;
}

std::string Header(const std::string& form, absl::CivilSecond t, const std::string& author) {
  const int hour = t.hour() % 12 == 0 ? 12 : t.hour() % 12;
  const char* half = t.hour() < 12 ? "AM" : "PM";
  if (form == "android-us") {
    return absl::StrFormat("%d/%d/%02d, %d:%02d\u202f%s - %s: ", t.month(), t.day(), t.year() % 100,
                           hour, t.minute(), half, author);
  }
  if (form == "android-de") {
    return absl::StrFormat("%02d.%02d.%02d, %02d:%02d - %s: ", t.day(), t.month(), t.year() % 100,
                           t.hour(), t.minute(), author);
  }
  return absl::StrFormat("[%d/%d/%02d, %d:%02d:%02d\u202f%s] %s: ", t.month(), t.day(),
                         t.year() % 100, hour, t.minute(), t.second(), half, author);
}

std::string Media(const std::string& form, uint64_t number) {
  if (form == "ios-us") return absl::StrFormat("\u200e<attached: %08d-PHOTO.jpg>", number);
  return absl::StrFormat("IMG-%08d-WA0001.jpg (%s)", number,
                         form == "android-de" ? "Datei angehängt" : "file attached");
}

int Write(const std::string& form, uint64_t megabytes, const char* path) {
  FILE* out = fopen(path, "w");
  if (out == nullptr) return 1;
  const char* end = form == "ios-us" ? "\r\n" : "\n";
  Random random(42);
  absl::CivilSecond time(2015, 1, 1, 8, 0, 0);
  uint64_t bytes = 0;
  for (uint64_t number = 0; bytes < megabytes << 20; ++number) {
    time += static_cast<int64_t>(random() % 100);
    const std::string author = "Person " + std::to_string(random() % 12);
    const std::string line = Header(form, time, author) +
                             (random() % 20 == 0 ? Media(form, number) : Words(random)) + end;
    bytes += fwrite(line.data(), 1, line.size(), out);
  }
  return fclose(out) == 0 ? 0 : 1;
}

using Clock = std::chrono::steady_clock;

int Print(const char* path, const muster::archive::ExportSummary& text, Clock::duration took) {
  if (text.damaged || text.messages == 0) {
    fprintf(stderr, "%s: it did not read as an export\n", path);
    return 1;
  }
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  printf("%llu %.4f %ld %llu\n", static_cast<unsigned long long>(text.bytes),
         std::chrono::duration<double>(took).count(), usage.ru_maxrss,
         static_cast<unsigned long long>(text.messages));
  return 0;
}

int Read(const char* path) {
  const auto before = Clock::now();
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  const auto file = muster::archive::ReadExportFile(fd, path);
  const auto took = Clock::now() - before;
  close(fd);
  if (file.ok()) return Print(path, file->text, took);
  fprintf(stderr, "%s: %s\n", path, std::string(file.status().message()).c_str());
  return 1;
}

int Parse(const char* path) {
  const auto before = Clock::now();
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  muster::archive::ExportReader reader({});
  std::string block(256 << 10, '\0');
  ssize_t n = 0;
  while ((n = read(fd, block.data(), block.size())) > 0) {
    reader.Add({block.data(), static_cast<size_t>(n)});
  }
  const muster::archive::ExportSummary text = reader.Finish();
  const auto took = Clock::now() - before;
  close(fd);
  return n == 0 ? Print(path, text, took) : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 5 && strcmp(argv[1], "write") == 0) {
    return Write(argv[2], strtoull(argv[3], nullptr, 10), argv[4]);
  }
  if (argc == 3 && strcmp(argv[1], "read") == 0) return Read(argv[2]);
  if (argc == 3 && strcmp(argv[1], "parse") == 0) return Parse(argv[2]);
  fprintf(stderr, "usage: export_read write FORM MB FILE | parse FILE | read FILE\n");
  return 2;
}
