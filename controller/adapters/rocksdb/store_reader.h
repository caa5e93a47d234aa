// A store that is only read, beside a musterd that may be running and writing to it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "controller/flow/store.h"
#include "controller/flow/store_check.h"

namespace muster {

// The store as it was at one moment not before Open() began: every commit that was acknowledged
// until then is in it. Nothing in its folder is changed. Thread-compatible.
class StoreReader {
 public:
  virtual ~StoreReader() = default;
  // NOT_FOUND: no store there. UNAVAILABLE: it could not be read, or was written to so fast that
  // no moment could be had. DATA_LOSS: it is damaged. The snapshot must not outlive the reader.
  static absl::StatusOr<std::unique_ptr<StoreReader>> Open(const std::string& folder);

  virtual std::unique_ptr<Snapshot> Read() const = 0;
  virtual const StoreInternals& internals() const = 0;
  // Every key and value as the engine has them, in the order of their keys. Stops at an error.
  using OnRaw = std::function<absl::Status(absl::string_view key, absl::string_view value)>;
  virtual absl::Status ForEachRaw(const OnRaw& each) const = 0;
};

}  // namespace muster
