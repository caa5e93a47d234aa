// A controller that answers musterctl from a table, and temporary files for its arguments.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "cli/run.h"

namespace muster::cli {

// Answers from a table, in the order of the calls; remembers what was asked.
class FakeController {
 public:
  struct Reply {
    absl::Status status;
    std::string bytes;
  };

  void Answer(const google::protobuf::Message& response) {
    replies_.push_back({absl::OkStatus(), response.SerializeAsString()});
  }
  void Refuse(absl::Status status) { replies_.push_back({std::move(status), ""}); }

  Session::Connector connector() {
    return [this](const std::string& profile,
                  absl::Duration timeout) -> absl::StatusOr<std::unique_ptr<AdminClient>> {
      profile_ = profile;
      timeout_ = timeout;
      return std::make_unique<Client>(this);
    };
  }

  std::vector<std::string> calls;  // "Method {json of the request}"
  std::string profile_;
  absl::Duration timeout_;

 private:
  class Client final : public AdminClient {
   public:
    explicit Client(FakeController* owner) : owner_(owner) {}
    absl::Status Call(const std::string& method, const google::protobuf::Message& request,
                      google::protobuf::Message* response) override {
      if (absl::Status s = CheckMethod(method, request, *response); !s.ok()) return s;
      owner_->calls.push_back(method + " " + CompactJson(MessageJson(request)));
      if (owner_->next_ == owner_->replies_.size()) return absl::InternalError("no reply left");
      const Reply& reply = owner_->replies_[owner_->next_++];
      response->ParseFromString(reply.bytes);
      return reply.status;
    }

   private:
    FakeController* const owner_;
  };

  std::vector<Reply> replies_;
  size_t next_ = 0;
};

struct Ran {
  int code;
  std::string out, err;
};

inline Ran RunCtl(FakeController* controller, const std::vector<std::string>& args) {
  std::ostringstream out, err;
  const int code = RunMusterctl(args, "env.yaml", controller->connector(), out, err);
  return {code, out.str(), err.str()};
}

inline std::filesystem::path TempFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "muster-cli-XXXXXX").string();
  EXPECT_NE(mkdtemp(name.data()), nullptr);
  return name;
}

inline void WriteFile(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

}  // namespace muster::cli
