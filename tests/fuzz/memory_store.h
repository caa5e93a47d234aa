// The controller's store for fuzzers: in memory, without the tree of the audit log. What is
// committed must be readable again, by whoever looks at it later.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "controller/flow/store.h"
#include "muster/v1/device.pb.h"

namespace muster {

class MemoryStore final : public Store {
 public:
  std::unique_ptr<Snapshot> Read() const override { return std::make_unique<View>(*this); }

  absl::StatusOr<uint64_t> Commit(Mutation mutation) override {
    for (const Mutation::Expect& expect : mutation.expects) {
      const auto it = records_.find(expect.key);
      if ((it == records_.end() ? 0 : it->second.revision) != expect.revision) {
        return absl::AbortedError("somebody was first");
      }
    }
    ++revision_;
    for (const std::string& key : mutation.deletes) {
      if (const auto it = records_.find(key); it != records_.end()) {
        bytes_ -= it->second.bytes.size();
        records_.erase(it);
      }
    }
    for (Mutation::Put& put : mutation.puts) {
      CheckReadable(put);
      Record& record = records_[put.key];
      bytes_ += put.bytes.size() - record.bytes.size();
      record = {put.key, std::move(put.bytes), revision_};
    }
    for (const v1::AuditEntry& entry : mutation.audit)
      Check<v1::AuditEntry>(entry.SerializeAsString());
    return revision_;
  }

  size_t bytes() const { return bytes_; }  // of all records

 private:
  class View final : public Snapshot {
   public:
    explicit View(const MemoryStore& store)
        : records_(store.records_), revision_(store.revision_) {}
    absl::StatusOr<std::optional<Record>> Get(const std::string& key) const override {
      const auto it = records_.find(key);
      return it == records_.end() ? std::optional<Record>() : it->second;
    }
    absl::StatusOr<std::vector<Record>> Scan(const std::string& prefix, const std::string& after,
                                             size_t limit) const override {
      std::vector<Record> out;
      for (auto it = records_.upper_bound(std::max(prefix, after));
           it != records_.end() && absl::StartsWith(it->first, prefix) && out.size() < limit;
           ++it) {
        out.push_back(it->second);
      }
      return out;
    }
    uint64_t revision() const override { return revision_; }
    LogHead log_head() const override { return {}; }
    absl::StatusOr<std::vector<uint64_t>> FindInLog(const std::string&, uint64_t,
                                                    size_t) const override {
      return std::vector<uint64_t>();
    }
    absl::StatusOr<std::string> ReadTile(uint32_t, uint64_t, uint64_t) const override {
      return absl::NotFoundError("there is no log");
    }

   private:
    const std::map<std::string, Record> records_;
    const uint64_t revision_;
  };

  template <typename Message>
  static void Check(const std::string& bytes) {
    Message message;
    if (!message.ParseFromString(bytes)) std::abort();
  }
  static void CheckReadable(const Mutation::Put& put) {
    if (absl::StartsWith(put.key, "device/")) Check<v1::Device>(put.bytes);
    if (absl::StartsWith(put.key, "phone/")) Check<v1::PhoneStatus>(put.bytes);
    if (absl::StartsWith(put.key, "inventory/")) Check<v1::DeviceInventory>(put.bytes);
  }

  std::map<std::string, Record> records_;
  uint64_t revision_ = 0;
  size_t bytes_ = 0;
};

}  // namespace muster
