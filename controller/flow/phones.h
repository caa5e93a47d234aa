// Phones: which there are, whose they are, and which bridge may speak for each.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "controller/flow/records.h"
#include "controller/flow/services.h"
#include "muster/v1/device.pb.h"
#include "muster/v1/device_service.pb.h"
#include "muster/v1/phone.pb.h"

namespace muster {

// Who speaks for a phone, as the transport proved it.
struct PhoneVoice {
  std::string bridge_id;
  std::string from;  // address
};

// Registers the phones of one stream of a bridge. Thread-compatible; keeps count, so that a fleet's
// Hellos do not read the fleet each time.
class PhoneRegistrar {
 public:
  explicit PhoneRegistrar(const Services& services) : services_(services) {}

  // A bridge's Hello for one of its phones. The first registers it: a Device with the bridge's key
  // and, where the UEM's user is one person of the directory, that owner. A later one takes over
  // what changed. PERMISSION_DENIED: the id is not that of this bridge's phone, or the phone is
  // retired; INVALID_ARGUMENT: it does not say which phone; RESOURCE_EXHAUSTED: too many.
  absl::Status Hello(const PhoneVoice& voice, const std::string& device_id, const v1::Hello& hello);

 private:
  absl::Status TryHello(const PhoneVoice& voice, const std::string& device_id,
                        const v1::Hello& hello);
  absl::Status WriteNew(const Snapshot& snapshot, const Actor& actor, const v1::Device& bridge,
                        const std::string& device_id, const v1::Hello& hello, Mutation& mutation);
  absl::Status CheckCount(const Snapshot& snapshot, const std::string& bridge_id);

  const Services& services_;
  std::optional<size_t> phones_;  // of this bridge; unset: not counted yet
};

// The UEM lists the phone no longer. Kept for whoever still owes exports from it; the device stays
// until it is retired. Its apps are UNKNOWN from here on. Said again it changes nothing.
absl::Status RecordLeave(const Services& services, const PhoneVoice& voice,
                         const std::string& device_id);

// A bridge spoke for a device that is not its own: an alarm of the bridge, once an hour.
absl::Status RecordForeignVoice(const Services& services, const PhoneVoice& voice,
                                const std::string& device_id);

// True when `device_id` is a phone of this bridge.
absl::StatusOr<bool> IsPhoneOf(const Snapshot& snapshot, const std::string& bridge_id,
                               const std::string& device_id);

// Whose the phone is by the name of its user in the UEM: one person's UPN, else a mail address,
// another name they sign in with, or their account. Nobody, with the reason, when no person or more
// than one has it.
struct PhoneOwner {
  std::optional<v1::Person> person;
  std::string why_none;
};
absl::StatusOr<PhoneOwner> FindPhoneOwner(const Snapshot& snapshot, const std::string& user_name);

// Gives a phone its owner where its user's name says another one, within `mutation`. A name that
// did not change leaves an owner who is still in the directory alone, whoever has the name by now.
// True: the owner changed, and its assignment has to be made anew.
absl::StatusOr<bool> UpdatePhoneOwner(const Services& services, const Snapshot& snapshot,
                                      const Actor& actor, const v1::Device& before,
                                      v1::Device& after, Mutation& mutation);

// Enrolled phones of a bridge, and how many people own them. None for any other device.
struct PhoneCount {
  size_t phones = 0, persons = 0;
};
absl::StatusOr<PhoneCount> CountPhones(const Snapshot& snapshot, const std::string& bridge_id);

// Retires the phones that a retired bridge leaves, some at a time.
absl::Status RetirePhonesOf(const Services& services, const Actor& actor,
                            const std::string& bridge_id, const std::string& reason);
// Adds to `mutation` what goes with a phone that is retired; nothing for any other device.
absl::Status WritePhoneRetired(const Snapshot& snapshot, const v1::Device& device,
                               Mutation& mutation);

}  // namespace muster
