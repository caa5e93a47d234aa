// What a person is told when an app of theirs was stopped, and how often. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "agent/domain/exec_record.h"

namespace muster::agent {

// Printable UTF-8 on one line each; together at most limits::kMaxNoticeBytes.
struct Notice {
  std::string title;
  std::string body;
  bool operator==(const Notice&) const = default;
};

// What it is made of; nothing here is trusted to be printable or short.
struct NoticeFacts {
  std::string app_id;
  std::string app_name;        // empty: the id stands for it
  bool ended = false;          // it ran already and was killed; false: it never began
  std::string reason;          // a code of Decide(), or of whoever stopped it
  std::string next_step;       // what to do, how to ask; empty: the service desk
  std::string policy_version;  // "cohort/linux version 12"; empty: not known
};

// Reason, policy version and the way to the full answer are always there; of a long next step
// the beginning.
Notice MakeNotice(const NoticeFacts& facts);

// The notice on one line for a terminal, at most limits::kMaxNoticeLineBytes.
std::string TerminalLine(const Notice& notice);

// Whether anybody is told of it: something was stopped, and it is known whose it was.
bool CallsForNotice(const ExecRecord& record);

// Remembers who was told what lately, so that a program that tries again and again is one
// notice. Bounded: when too many were told within one interval, nobody more is.
// Thread-compatible.
class NoticeLimit {
 public:
  // True: tell them now; the same person hears nothing of the same app for
  // limits::kNoticeInterval.
  bool Allow(uint32_t uid, const std::string& app_id, absl::Time now);
  size_t size() const { return told_.size(); }

 private:
  std::map<std::pair<uint32_t, std::string>, absl::Time> told_;
};

}  // namespace muster::agent
