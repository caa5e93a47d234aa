#include "bridge/flow/phone_lister.h"

#include <algorithm>
#include <utility>

#include "common/fleet_limits.h"

namespace muster::bridge {

void PhoneLister::Start(absl::Time now) { BeginAgain(now); }

void PhoneLister::BeginAgain(absl::Time at) {
  page_ = 0;
  broken_ = false;
  listed_.clear();
  parts_->agenda.Put(Item(kListItem, ""), Urgency::kSetUp, at);
}

UemCall PhoneLister::Next() const {
  UemCall call;
  call.kind = UemCall::Kind::kListPhones;
  call.page = page_;
  return call;
}

void PhoneLister::Take(const UemPhone& from_uem, absl::Time now) {
  if (from_uem.identity.uem_id().empty()) return;
  // Only phones: a UEM also manages laptops.
  const v1::Platform::Id platform = from_uem.identity.platform();
  if (platform != v1::Platform::IOS && platform != v1::Platform::ANDROID) return;
  const absl::StatusOr<PhoneBook::Seen> seen = parts_->book.Update(from_uem);
  if (!seen.ok()) {
    broken_ = true;
    return parts_->Note(seen.status());
  }
  Phone* phone = parts_->book.FindByUemId(from_uem.identity.uem_id());
  if (phone != nullptr) seen_(*phone, *seen, now);
}

void PhoneLister::OnAnswer(const UemCall& call, const UemAnswer& answer, absl::Time now) {
  if (call.page != page_) return;  // of a list that was given up
  if (!answer.status.ok()) {
    if (!absl::IsResourceExhausted(answer.status)) ++failures_;
    // The same page again: what was read of the others still counts, and a phone that this list
    // misses by it is looked for by itself before it is gone.
    parts_->agenda.Put(Item(kListItem, ""), Urgency::kSetUp, now + BackOff(failures_));
    return;
  }
  failures_ = 0;
  for (const UemPhone& phone : answer.phones) {
    listed_.insert(phone.identity.uem_id());
    Take(phone, now);
  }
  if (answer.last_page) return Finish(now);
  // A page without phones, and more to come: the list and its total do not fit.
  if (answer.phones.empty() || ++page_ >= limits::kMaxPhonePages) {
    return BeginAgain(now + parts_->options.list_every);
  }
  parts_->agenda.Put(Item(kListItem, ""), Urgency::kSetUp, now);
}

void PhoneLister::Finish(absl::Time now) {
  const bool had_phones = !parts_->book.all().empty();
  empty_ = listed_.empty() && had_phones ? std::min(empty_ + 1, limits::kEmptyListsBelieved) : 0;
  const bool believed = !broken_ && (empty_ == 0 || empty_ >= limits::kEmptyListsBelieved);
  if (believed) {
    complete_once_ = true;
    for (const auto& [id, listed] : parts_->book.all()) {
      if (listed_.count(listed.uem_id) > 0) continue;
      Phone* phone = parts_->book.Find(id);
      phone->missing = static_cast<uint8_t>(std::min<int>(phone->missing + 1, 2));
      if (phone->missing >= 2) parts_->agenda.Put(Item(kPhoneItem, id), Urgency::kHint, now);
    }
  }
  BeginAgain(now + parts_->options.list_every);
}

}  // namespace muster::bridge
