// One request as the routes see it, and what they answer. Pure.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "bridge/adapters/ws1/http_transport.h"

namespace muster::uemsim {

using Json = nlohmann::json;

struct Call {
  std::string method = {};
  std::string target = {};                          // path and query, as sent
  std::vector<std::string> segments = {};           // of the path, decoded
  std::vector<std::string> args = {};               // what stood at the route's {}
  std::map<std::string, std::string> query = {};    // names in lower case, values decoded
  std::map<std::string, std::string> headers = {};  // names in lower case
  int version = 0;                                  // of the Accept header; 0: there is none
  std::string body = {};
  Json json = {};  // of the body; discarded: it is none
  absl::Time now = {};

  // Empty: absent.
  std::string Query(const std::string& lower_name) const;
  // `fallback` when absent; nullopt when it is no number.
  std::optional<uint64_t> Number(const std::string& lower_name, uint64_t fallback) const;
  // A text of the body's object, or a number in it as text; empty: absent.
  std::string Text(const char* name) const;
};

struct Reply {
  int status = 200;
  std::optional<Json> body = {};
  std::string effect = {};  // what it changed; empty: nothing
  bool redundant = false;
};

Call ParseCall(const bridge::HttpRequest& request, absl::Time now);
// {errorCode, message, activityId}; `code` 0: as the status.
Reply Error(int status, int code, const std::string& message);
Reply Ok(Json body);
Reply Empty(int status);

std::string Lower(absl::string_view text);
std::string PercentDecoded(absl::string_view text, bool plus_is_blank);
// As the UEM's older calls write it: without a zone, in UTC. With `zone`: with a Z.
std::string TimeText(absl::Time t, bool zone = false);
// Any of both; nullopt: neither.
std::optional<absl::Time> ParseTimeText(const std::string& text);
std::string ToXml(const Json& body);  // what comes without an Accept header
// The seed's own, number for number.
std::string MakeUuid(uint64_t seed, absl::string_view kind, uint64_t number);

}  // namespace muster::uemsim
