// The seam to the UEM. Workspace ONE is the first (adapters/ws1); Intune and the Android Management
// API have room here.
#pragma once

#include <string>

#include "bridge/domain/uem.h"

namespace muster::bridge {

// Thread-safe: calls run side by side.
class UemClient {
 public:
  virtual ~UemClient() = default;
  // One request, with the sign-in where one is due (a 401 fetches one new token and tries once
  // more). Returns within limits::kUemCallTime.
  virtual UemAnswer Do(const UemCall& call) = 0;
  // "workspace-one https://…": kind and address, for people.
  virtual std::string Name() const = 0;
};

}  // namespace muster::bridge
