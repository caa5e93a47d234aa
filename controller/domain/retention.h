// How long an export must be kept (DESIGN, section 4), and that nothing is destroyed yet. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "muster/v1/archive.pb.h"
#include "muster/v1/person.pb.h"

namespace muster {

struct RetentionFacts {
  // Of the owner of the export: past roles and the present one, in any order. A time that none
  // covers, or in which the person was absent, is one whose role is not known.
  std::vector<v1::PersonRole> roles = {};
  std::vector<v1::RetentionSchedule> schedules = {};
  std::vector<std::string> hold_ids = {};  // in force, of this person, chat or a matter
  absl::TimeZone zone = {};                // the agency's: calendar and fiscal years end in it
};

struct RetentionDecision {
  v1::Retention::State state = v1::Retention::UNSCHEDULED_KEEP;
  std::string schedule_id;  // the approved one it rests on; empty: none
  std::string because;      // in words
  bool held = false;
  // TEMPORARY: when the time to keep begins and ends.
  std::optional<absl::Time> cutoff_at, keep_until;
  // Always false: this version marks nothing for destruction, whatever a schedule allows.
  bool may_be_destroyed = false;
  std::string not_destroyed_because;  // in words
};

// A person's past roles, newest first as the store gives them, and the present one.
std::vector<v1::PersonRole> AllRoles(const v1::Person& person, std::vector<v1::PersonRole> past);

// By the owner's role at the time of the messages: PERMANENT where any of them fell into a Capstone
// official's time, also in a chat that holds others; TEMPORARY only under an approved schedule and
// where the role is known for the whole range; else UNSCHEDULED_KEEP, which is kept like a
// permanent record. An export whose dates are not sure is PERMANENT if the owner ever was a
// Capstone official, else UNSCHEDULED_KEEP. Holds change nothing of the state and override all
// else.
RetentionDecision RetentionOf(const v1::ExportSeen& seen, const RetentionFacts& facts);

// The first moment after the cut-off that `kind` ("calendar-year", "fiscal-year" from October to
// September, "message") gives for something of this time; nullopt: no such kind.
std::optional<absl::Time> CutoffAfter(absl::Time at, const std::string& kind, absl::TimeZone zone);

}  // namespace muster
