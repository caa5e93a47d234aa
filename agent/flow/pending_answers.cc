#include "agent/flow/pending_answers.h"

namespace muster::agent {

PendingAnswers::Entry* PendingAnswers::Find(int fd) {
  for (Entry& e : entries_) {
    if (e.fd == fd) return &e;
  }
  return nullptr;
}

void PendingAnswers::Add(int fd, absl::Time now) {
  MutexLock lock(&mu_);
  entries_.push_back({fd, now, false, false});
}

void PendingAnswers::MarkCandidate(int fd) {
  MutexLock lock(&mu_);
  if (Entry* e = Find(fd)) e->candidate = true;
}

// The answer is written under the lock: a write to a fanotify descriptor never waits, and so
// two threads cannot both believe that they were first.
bool PendingAnswers::Answer(int fd, bool allow) {
  MutexLock lock(&mu_);
  Entry* e = Find(fd);
  if (e == nullptr || e->answered) return false;
  e->answered = true;
  send_(fd, allow);
  return true;
}

void PendingAnswers::Finish(int fd) {
  MutexLock lock(&mu_);
  Entry* e = Find(fd);
  if (e == nullptr) return;
  *e = entries_.back();
  entries_.pop_back();
}

int PendingAnswers::Expire(absl::Time oldest) {
  MutexLock lock(&mu_);
  int expired = 0;
  for (Entry& e : entries_) {
    if (e.answered || e.since > oldest) continue;
    e.answered = true;
    send_(e.fd, !e.candidate);
    ++expired;
  }
  return expired;
}

void PendingAnswers::AllowAll() {
  MutexLock lock(&mu_);
  for (Entry& e : entries_) {
    if (e.answered) continue;
    e.answered = true;
    send_(e.fd, true);
  }
}

}  // namespace muster::agent
