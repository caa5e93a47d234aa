// Which of the texts in a zip is the chat.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "archive/files/zip_directory.h"

namespace muster::archive {

struct ChosenText {
  size_t member = 0;      // its place in the directory
  std::string chat_file;  // whose name names the chat: the text's, or the zip's
};

// By name first (`_chat.txt` of iOS, the zip's own name of Android, a name with the app's), then
// by what reads as an export: other texts are documents that were sent. INVALID_ARGUMENT, as
// ReadZipDirectory: none is one, or two of the same standing are.
absl::StatusOr<ChosenText> ChooseText(const ReadAt& read, const ZipDirectory& directory,
                                      absl::string_view zip_name);

}  // namespace muster::archive
