// What the UEM's last sample of a phone shows of one app, and what it proves. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "bridge/domain/phone_policy.h"
#include "muster/v1/bridge.pb.h"
#include "muster/v1/phone.pb.h"

namespace muster::bridge {

enum class Reading {
  kFresh,
  kNeverRead,
  kNotSampled,  // the UEM was not shown yet to have asked the phone for its apps
  kOldRead,     // longer ago than limits::kPhoneFactsLife
  kNeverSeen,
  kNotSeen,          // by the UEM, for limits::kPhoneSeenLife
  kBeforeEnrolment,  // the phone enrolled anew since
};
Reading ReadingOf(const v1::PhoneRecord& record, absl::Time now);
// What PhoneRecord.inventory_sha256 is while all that was read is a list that may be empty because
// the UEM has no sample of the phone yet; apps_read_at is unset then.
inline constexpr char kUnsampled[] = "unsampled";
// How the key of the operation ends that asks a phone for its first sample.
inline constexpr char kFirstSample[] = "first-sample";
// For people: what is missing, and what comes next. Empty: kFresh.
absl::string_view WordsOf(Reading reading);
// True where the last sample, old as it may be, is of this enrolment: worth acting on.
bool IsOfThisPhone(Reading reading);

// The apps were read after the UEM saw the phone, and that was after `at`.
bool NewerThan(const v1::PhoneFacts& facts, absl::Time at);
bool EnrolledAfter(const v1::PhoneFacts& facts, absl::Time at);
absl::Time TimeOr(bool has, const google::protobuf::Timestamp& t, absl::Time otherwise);

// The installed copies of one app: an app may have several ids (third-party clients).
struct AppReading {
  const v1::SampledApp* managed = nullptr;    // installed by the UEM
  const v1::SampledApp* by_person = nullptr;  // installed by the person
  const v1::SampledApp* known = nullptr;      // one of them; else what the UEM says of its absence

  bool there() const { return managed != nullptr || by_person != nullptr; }
};
// `was`: its presence as reported last. Where the UEM's reason is not known, an app that it
// assigns, installed once, or that was managed before counts as managed. `preferred`: of several
// copies of a kind this id's counts, for it is the one that the UEM can install and remove; empty:
// the first in the record's order.
AppReading ReadApp(const v1::PhoneRecord& record, const AppRuling& ruling,
                   v1::PhoneApp::Presence was, absl::string_view preferred);

// The UEM's words on a command that failed, and on one that may still act.
bool HasFailed(const v1::SampledApp& app);
bool IsUnderWay(const v1::SampledApp& app);
// The person refused the app, or took it away.
bool RefusedByPerson(const v1::SampledApp& app);

}  // namespace muster::bridge
