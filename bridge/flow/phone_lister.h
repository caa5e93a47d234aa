// The UEM's list of phones, page by page, while it changes underneath.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "bridge/domain/uem.h"
#include "bridge/flow/fleet_parts.h"

namespace muster::bridge {

// Pages shift while they are read, so a phone that one list lacks may only have moved. Two complete
// lists without it and the UEM's own "not found" make it gone. Thread-compatible.
class PhoneLister {
 public:
  // `seen`: a phone that the UEM lists, as PhoneBook::Update() took it.
  using OnPhone = std::function<void(Phone&, PhoneBook::Seen, absl::Time now)>;
  PhoneLister(FleetParts* parts, OnPhone seen) : parts_(parts), seen_(std::move(seen)) {}

  void Start(absl::Time now);
  UemCall Next() const;
  void OnAnswer(const UemCall& call, const UemAnswer& answer, absl::Time now);
  // Of one phone, from a list or by itself.
  void Take(const UemPhone& phone, absl::Time now);
  bool complete_once() const { return complete_once_; }

 private:
  void Finish(absl::Time now);
  void BeginAgain(absl::Time at);

  FleetParts* parts_;
  OnPhone seen_;
  uint32_t page_ = 0, failures_ = 0, empty_ = 0;
  bool broken_ = false;  // this list proves nothing about who is absent
  bool complete_once_ = false;
  std::set<std::string> listed_;  // the UEM's ids, of the pages so far
};

}  // namespace muster::bridge
