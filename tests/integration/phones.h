// The phones of the tests: a simulated UEM behind HTTP on loopback, and a real bridge to it. All of
// it ends with its destructor. Failures are GoogleTest failures. Thread-compatible.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/integration/tenant.h"

namespace muster {

inline constexpr char kIosWhatsApp[] = "net.whatsapp.WhatsApp";
inline constexpr char kUemGroup[] = "0b1f7a52-6b1c-4f0e-9a53-111122223333";
// The UEM's ids of Alice's supervised and Bob's unsupervised iPhone, on which they have installed
// WhatsApp, and of a supervised one of crew1@mdm.test without it.
inline constexpr char kAlicesPhone[] = "a11ce000-0000-4000-8000-000000000001";
inline constexpr char kBobsPhone[] = "b0b00000-0000-4000-8000-000000000002";
inline constexpr char kCrewsPhone[] = "c0e00000-0000-4000-8000-000000000003";

// muster-uem-simulator with those phones.
class TestUem {
 public:
  explicit TestUem(const std::string& folder);

  const std::string& folder() const { return folder_; }  // of its secrets
  const std::string& url() const { return url_; }
  std::string log() const { return folder_ + "/simulator.log"; }
  // The control paths: "phones/…". Json() when it is refused, which is a failure.
  Json Get(const std::string& path) { return Call("GET", path, ""); }
  Json Post(const std::string& path, const Json& body) { return Call("POST", path, body.dump()); }
  // "absent", "managed", "by-person", with " hidden": the truth about WhatsApp on that phone.
  std::string WhatsAppOn(const std::string& phone);
  // How many calls of the bridge came to a path that ends so.
  size_t CallsTo(const std::string& path_end);

 private:
  Json Call(const std::string& method, const std::string& path, const std::string& body);

  const std::string folder_;
  std::string url_;
  std::unique_ptr<Program> program_;
};

// A bridge's configuration and state, and muster-bridge on them.
class TestBridge {
 public:
  TestBridge(TestTenant* tenant, TestUem* uem, const std::string& folder);

  std::string state() const { return folder_ + "/state"; }
  std::string config() const { return folder_ + "/bridge.yaml"; }
  std::string log() const { return folder_ + "/bridge.log"; }
  // The lines of a configuration that works, below `uem:` and after it.
  std::string UemLines() const;
  std::string AppLines() const;
  void WriteConfig(const std::string& text);
  std::string NewToken();  // a file

  CommandResult Enroll(const std::string& token_file, const std::vector<std::string>& more = {});
  // `run` with the present configuration until it ends by itself.
  CommandResult RunToEnd();
  CommandResult Status(const std::vector<std::string>& more = {});
  Json StatusJson();
  void Start();
  Program& program() { return *program_; }
  // As the UEM's event: that phone should be read again. True: it was taken.
  bool Hint(const std::string& phone);

 private:
  TestTenant* const tenant_;
  TestUem* const uem_;
  const std::string folder_;
  const int hint_port_;
  std::unique_ptr<Program> program_;
};

}  // namespace muster
