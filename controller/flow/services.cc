#include "controller/flow/services.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace muster {

void Work::WakeAll() {
  MutexLock lock(&mu_);
  batch_.all = true;
  woken_ = true;
  changed_.NotifyAll();
}

void Work::WakeCohorts() {
  MutexLock lock(&mu_);
  batch_.cohorts = true;
  woken_ = true;
  changed_.NotifyAll();
}

void Work::WakePerson(const std::string& person_id) {
  MutexLock lock(&mu_);
  batch_.persons.insert(person_id);
  woken_ = true;
  changed_.NotifyAll();
}

void Work::WakeDevice(const std::string& device_id) {
  MutexLock lock(&mu_);
  batch_.devices.insert(device_id);
  woken_ = true;
  changed_.NotifyAll();
}

void Work::Wake() {
  MutexLock lock(&mu_);
  woken_ = true;
  changed_.NotifyAll();
}

Work::Batch Work::Wait(absl::Duration timeout) {
  MutexLock lock(&mu_);
  if (!woken_ && !stopped_) changed_.WaitFor(&mu_, timeout);
  woken_ = false;
  return std::exchange(batch_, Batch{});
}

void Work::Stop() {
  MutexLock lock(&mu_);
  stopped_ = true;
  changed_.NotifyAll();
}

bool Work::stopped() const {
  MutexLock lock(&mu_);
  return stopped_;
}

Actor MusterItself() { return {{"", "muster"}, "local", "local"}; }

std::string NewTransactionId(Entropy& entropy) {
  return absl::StrCat("tx-", absl::BytesToHexString(entropy.Bytes(8)));
}

}  // namespace muster
