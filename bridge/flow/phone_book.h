// The phones of a bridge: what decides what to do next stays in memory, the rest in the store, so
// that ten thousands of them stay small.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bridge/domain/phone_policy.h"
#include "bridge/domain/uem.h"
#include "bridge/flow/bridge_store.h"
#include "muster/v1/bridge.pb.h"

namespace muster::bridge {

struct Phone {
  std::string device_id, uem_id;
  std::string user;  // as UserKey()
  v1::Platform::Id platform = v1::Platform::UNSPECIFIED;
  PhonePolicyPtr policy;  // null: not known yet, and nothing is done to it
  absl::Time last_seen = absl::InfinitePast(), apps_read_at = absl::InfinitePast();
  bool enrolled = true;
  bool unsampled = false;  // the UEM is not shown yet to know its apps
  uint8_t missing = 0;     // complete lists in a row without it
  uint32_t distance = 0;   // of the last judgement
};

// PhoneRecord.profile_sha256 where a profile of ours may be there, and nobody knows which.
inline constexpr char kUnknownProfile[] = "unknown";

// User names are the same whatever their case.
std::string UserKey(const std::string& user_name);

// Thread-compatible. Writes go to the store at once and are durable with its next Commit().
class PhoneBook {
 public:
  PhoneBook(std::string tenant, std::string bridge_id, BridgeStore* store)
      : tenant_(std::move(tenant)), bridge_id_(std::move(bridge_id)), store_(store) {}
  // A damaged record is dropped: the phone is read anew from the UEM, as the same device.
  absl::Status Load();

  Phone* Find(const std::string& device_id);
  Phone* FindByUemId(const std::string& uem_id);
  const std::map<std::string, Phone>& all() const { return phones_; }

  // As the store has it. DATA_LOSS: damaged or gone; then only what the UEM says helps.
  absl::StatusOr<v1::PhoneRecord> Read(const Phone& phone) const;
  absl::Status Write(const v1::PhoneRecord& record);

  enum class Seen { kSame, kNew, kIdentity, kFacts, kContact };
  // What the UEM's list says of a phone now; kContact: only the time of its last contact is
  // another. RESOURCE_EXHAUSTED: more than limits::kMaxPhones, or no space.
  absl::StatusOr<Seen> Update(const UemPhone& from_uem);
  absl::Status Remove(const std::string& device_id);

 private:
  void Remember(const v1::PhoneRecord& record);

  std::string tenant_, bridge_id_;
  BridgeStore* store_;
  std::map<std::string, Phone> phones_;              // by device id
  std::map<std::string, std::string> device_id_of_;  // by the UEM's id
};

// For calls: as the record has it.
UemPhone ToUemPhone(const v1::PhoneRecord& record);

}  // namespace muster::bridge
