#include "cli/session.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "cli/duration.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "google/protobuf/descriptor.h"

namespace muster::cli {
namespace {

using google::protobuf::Message;

void SetPage(Message* request, uint32_t size, const std::string& cursor) {
  const auto* d = request->GetDescriptor();
  const auto* r = request->GetReflection();
  if (const auto* f = d->FindFieldByName("page_size"); f != nullptr) {
    r->SetUInt32(request, f, size);
  }
  if (const auto* f = d->FindFieldByName("cursor"); f != nullptr) r->SetString(request, f, cursor);
}

struct ListArgs {
  std::string method;
  std::shared_ptr<Message> request, response;
  std::vector<Column> columns;
  std::function<Json(const Json&)> item_view;
  uint32_t limit = 0;
  std::string cursor;
};

absl::StatusOr<Json> FetchPage(Session& session, const ListArgs& args, uint32_t size,
                               const std::string& cursor) {
  SetPage(args.request.get(), size, cursor);
  args.response->Clear();
  MUSTER_RETURN_IF_ERROR(session.Call(args.method, *args.request, args.response.get()));
  Json page = MessageJson(*args.response);
  if (args.item_view != nullptr) {
    for (Json& item : page["items"]) item = args.item_view(item);
  }
  return page;
}

absl::StatusOr<Json> FetchAll(Session& session, const ListArgs& args) {
  MUSTER_ASSIGN_OR_RETURN(Json all, FetchPage(session, args, limits::kMaxPage, ""));
  for (int page = 1; page < limits::kMaxPages; ++page) {
    const std::string cursor = all.value("next_cursor", "");
    if (cursor.empty()) break;
    MUSTER_ASSIGN_OR_RETURN(Json next, FetchPage(session, args, limits::kMaxPage, cursor));
    for (Json& item : next["items"]) all["items"].push_back(std::move(item));
    all["next_cursor"] = next["next_cursor"];
  }
  return all;
}

absl::StatusOr<int> RunList(Session& session, const ListArgs& args) {
  const bool one_page = args.limit > 0 || !args.cursor.empty();
  MUSTER_ASSIGN_OR_RETURN(const Json list, one_page
                                               ? FetchPage(session, args, args.limit, args.cursor)
                                               : FetchAll(session, args));
  session.out << RenderList(session.format, list, args.columns);
  return 0;
}

std::string NotEmpty(const std::string& value) {
  return value.find_first_not_of(" \t\r\n") == std::string::npos ? "must not be empty" : "";
}

std::string EnumNames(const google::protobuf::EnumDescriptor& values) {
  std::string names;
  for (int i = 0; i < values.value_count(); ++i) {
    if (values.value(i)->number() == 0 && values.value(i)->name() == "UNSPECIFIED") continue;
    absl::StrAppend(&names, names.empty() ? "" : ", ", values.value(i)->name());
  }
  return names;
}

const google::protobuf::EnumValueDescriptor* FindEnum(
    const google::protobuf::EnumDescriptor& values, const std::string& name) {
  std::string upper = absl::AsciiStrToUpper(name);
  for (char& c : upper) c = c == '-' ? '_' : c;
  return upper == "UNSPECIFIED" ? nullptr : values.FindValueByName(upper);
}

}  // namespace

absl::Status Session::Call(const std::string& method, const Message& request, Message* response) {
  if (client == nullptr) {
    MUSTER_ASSIGN_OR_RETURN(client, connector(profile, timeout));
  }
  return client->Call(method, request, response);
}

int Session::Print(const Json& object) {
  out << RenderObject(format, object);
  return 0;
}

CLI::App* AddNoun(CLI::App* root, const std::string& name, const std::string& help) {
  const auto known =
      root->get_subcommands([&name](const CLI::App* app) { return app->get_name() == name; });
  if (!known.empty()) return known.front();
  CLI::App* noun = root->add_subcommand(name, help);
  noun->require_subcommand(1);
  return noun;
}

CLI::App* AddVerb(CLI::App* noun, Session* session, const std::string& name,
                  const std::string& help, Session::Action action) {
  CLI::App* verb = noun->add_subcommand(name, help);
  verb->callback([session, action = std::move(action)] {
    session->action = session->instead ? session->instead : action;
  });
  return verb;
}

void AddAlternative(CLI::App* verb, Session* session, const std::string& name,
                    const std::string& help, const std::function<void(const std::string&)>& set,
                    Session::Action action) {
  AddOptional(verb, name, help, [session, set, action](const std::string& value) {
    set(value);
    session->instead = action;
  });
}

CLI::App* AddListVerb(CLI::App* noun, Session* session, const std::string& name,
                      const std::string& help, const std::string& method,
                      std::shared_ptr<Message> request, std::shared_ptr<Message> response,
                      std::vector<Column> columns, std::function<Json(const Json&)> item_view) {
  auto args = std::make_shared<ListArgs>();
  args->method = method;
  args->request = std::move(request);
  args->response = std::move(response);
  args->columns = std::move(columns);
  args->item_view = std::move(item_view);
  CLI::App* verb =
      AddVerb(noun, session, name, help, [args](Session& s) { return RunList(s, *args); });
  if (args->request->GetDescriptor()->FindFieldByName("cursor") != nullptr) {
    verb->add_option("--limit", args->limit, "One page of at most this many")
        ->check(CLI::Range(uint32_t{1}, static_cast<uint32_t>(limits::kMaxPage)));
    verb->add_option("--cursor", args->cursor,
                     "One page from here: next_cursor of the page before");
  }
  return verb;
}

CLI::Option* AddName(CLI::App* verb, const std::string& name, const std::string& help,
                     const std::function<void(const std::string&)>& set) {
  return verb->add_option_function<std::string>(name, set, help)->required()->check(NotEmpty);
}

CLI::Option* AddRequired(CLI::App* verb, const std::string& option, const std::string& help,
                         const std::function<void(const std::string&)>& set) {
  return AddName(verb, option, help, set);
}

CLI::Option* AddOptional(CLI::App* verb, const std::string& option, const std::string& help,
                         const std::function<void(const std::string&)>& set) {
  return verb->add_option_function<std::string>(option, set, help);
}

CLI::Option* AddDuration(CLI::App* verb, const std::string& option, const std::string& help,
                         std::function<void(absl::Duration)> set) {
  return verb
      ->add_option_function<std::string>(
          option, [set = std::move(set)](const std::string& text) { set(*ParseDuration(text)); },
          help)
      ->check([](const std::string& text) {
        return std::string(ParseDuration(text).status().message());
      });
}

CLI::Option* AddEnum(CLI::App* verb, const std::string& option, const std::string& help,
                     const google::protobuf::EnumDescriptor* values, std::function<void(int)> set) {
  return verb
      ->add_option_function<std::string>(
          option,
          [set = std::move(set), values](const std::string& text) {
            set(FindEnum(*values, text)->number());
          },
          absl::StrCat(help, ": ", EnumNames(*values)))
      ->check([values](const std::string& text) -> std::string {
        if (FindEnum(*values, text) != nullptr) return "";
        return absl::StrCat("'", text, "' is none of ", EnumNames(*values));
      });
}

void AddRevision(CLI::App* verb, std::function<void(uint64_t)> set) {
  verb->add_option_function<uint64_t>("--revision", std::move(set),
                                      "Only if its revision is still this one, as `show` gave it");
}

void AddDryRun(CLI::App* verb, std::function<void(bool)> set) {
  verb->add_flag_function(
      "--dry-run", [set = std::move(set)](int64_t) { set(true); },
      "Say what would change and whom it touches; write nothing");
}

}  // namespace muster::cli
