// A person's export as an open file.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "agent/adapters/files/file_io.h"
#include "agent/flow/archive_files.h"

namespace muster::agent {

// Thread-compatible.
class HeldExportFile final : public HeldExport {
 public:
  // `helper_dir` as FindHelper() has it.
  HeldExportFile(Fd fd, FileStamp stamp, std::string name, std::string helper_dir)
      : fd_(std::move(fd)),
        stamp_(stamp),
        name_(std::move(name)),
        helper_dir_(std::move(helper_dir)) {}

  const FileStamp& stamp() const override { return stamp_; }
  const std::string& name() const override { return name_; }
  absl::StatusOr<v1::ExportRead> Read(const ReadQuestion& question) override;
  absl::StatusOr<Packed> Pack(const PackOrder& order) override;

 private:
  const Fd fd_;
  const FileStamp stamp_;
  const std::string name_, helper_dir_;
};

// A file that came over the local socket. INVALID_ARGUMENT: it is no regular file that is open for
// reading, or lies where a read may never end; `name` is what its owner calls it.
absl::StatusOr<std::shared_ptr<HeldExport>> HoldSubmitted(Fd fd, const std::string& name,
                                                          const std::string& helper_dir);

}  // namespace muster::agent
