#include "controller/adapters/ldap/ldap_directory.h"

#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/time_proto.h"
#include "controller/adapters/ldap/content_sync.h"
#include "controller/adapters/ldap/dir_sync.h"
#include "controller/adapters/ldap/ldap_search.h"
#include "controller/adapters/ldif/snapshot_builder.h"

namespace muster {
namespace {

constexpr char kPersons[] = "(|(objectClass=inetOrgPerson)(objectClass=user))";
constexpr char kPages[] = "paged search";

absl::Status StatusOf(const absl::Status& status) { return status; }
template <typename T>
absl::Status StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

std::string SignedIn(const LdapOptions& options) {
  return options.kerberos() ? absl::StrCat("Kerberos as ", options.principal, ", signed and sealed")
                            : absl::StrCat("password over TLS as ", options.bind_dn);
}

}  // namespace

LdapDirectory::LdapDirectory(LdapOptions options, Secret password)
    : options_(std::move(options)), password_(std::move(password)), pool_(options_, clock_) {
  reading_.set_signed_in(SignedIn(options_));
  for (const auto& server : pool_.servers()) *reading_.add_servers() = server;
}

absl::StatusOr<std::unique_ptr<LdapDirectory>> LdapDirectory::Open(LdapOptions options) {
  const absl::Status checked = CheckLdapOptions(options);
  Secret password(&options.bind_password);
  MUSTER_RETURN_IF_ERROR(checked);
  return std::unique_ptr<LdapDirectory>(new LdapDirectory(std::move(options), std::move(password)));
}

LdapDirectory::~LdapDirectory() {
  const SigpipeGuard no_sigpipe;  // saying goodbye writes
  MutexLock lock(&mu_);
  connection_.reset();
}

template <typename Result, typename Operation>
Result LdapDirectory::WithConnection(const Operation& operation) {
  size_t left = 0;
  while (true) {
    // One that was kept may have been closed for being idle: that says nothing about the server.
    const bool kept = connection_ != nullptr;
    if (!kept) MUSTER_RETURN_IF_ERROR(Connect());
    Result result = operation();
    const LdapConnection::State state = connection_->state();
    if (state == LdapConnection::State::kAlive) return result;
    connection_.reset();
    if (kept && state == LdapConnection::State::kLost) continue;
    pool_.Leave(StatusOf(result));
    ShowServers();
    if (++left >= pool_.size()) return result;
  }
}

absl::Status LdapDirectory::Connect() {
  // The server may have been rolled back meanwhile, under the same name and numbers.
  ForgetReplica();
  size_t left = 0;
  while (true) {
    absl::StatusOr<std::unique_ptr<LdapConnection>> fresh = pool_.Connect(password_);
    ShowServers();
    MUSTER_RETURN_IF_ERROR(fresh.status());
    absl::StatusOr<DirectoryServer> server = DescribeServer(fresh->get(), options_.base_dn);
    if (server.ok()) {
      server_ = *std::move(server);
      connection_ = *std::move(fresh);
      pool_.SetInvocationId(server_.invocation_id);
      ShowServers();
      return absl::OkStatus();
    }
    pool_.Leave(server.status());
    ShowServers();
    if (!absl::IsUnavailable(server.status()) || ++left >= pool_.size()) return server.status();
  }
}

absl::StatusOr<DirectorySnapshotPtr> LdapDirectory::Read(
    const std::map<std::string, std::string>& approval_groups, ReadDepth depth) {
  const SigpipeGuard no_sigpipe;
  MutexLock lock(&mu_);
  return WithConnection<absl::StatusOr<DirectorySnapshotPtr>>(
      [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return ReadOnce(approval_groups, depth); });
}

absl::StatusOr<DirectorySnapshotPtr> LdapDirectory::ReadOnce(const Groups& groups,
                                                             ReadDepth depth) {
  const bool same = feed_ != nullptr && replica_of_ == server_.Identity(pool_.current());
  if (depth == ReadDepth::kChanges && same) {
    absl::StatusOr<DirectorySnapshotPtr> changes = ReadChanges(groups);
    // Whatever is wrong with what is known, reading everything anew may mend it.
    if (changes.ok() || absl::IsUnavailable(changes.status())) return changes;
  }
  return ReadFull(groups);
}

absl::StatusOr<DirectorySnapshotPtr> LdapDirectory::ReadChanges(const Groups& groups) {
  // Put back only when all of it went well.
  std::unique_ptr<ReplicaFeed> feed = std::move(feed_);
  std::unique_ptr<ReplicaState> state = std::move(state_);
  MUSTER_RETURN_IF_ERROR(feed->Update(connection_.get(), state.get()));
  MUSTER_ASSIGN_OR_RETURN(DirectorySnapshotPtr snapshot, state->Snapshot(groups));
  Keep(std::move(feed), std::move(state), false);
  return snapshot;
}

void LdapDirectory::Keep(std::unique_ptr<ReplicaFeed> feed, std::unique_ptr<ReplicaState> state,
                         bool full) {
  feed_ = std::move(feed);
  state_ = std::move(state);
  replica_of_ = server_.Identity(pool_.current());
  ShowRead(feed_->method(), "", full);
}

std::unique_ptr<ReplicaFeed> LdapDirectory::NewFeed() const {
  if (server_.Supports(kDirSyncOid)) {
    return std::make_unique<DirSyncFeed>(server_, options_.attributes);
  }
  if (server_.Supports(kSyncRequestOid)) {
    return std::make_unique<ContentSyncFeed>(server_, options_.attributes);
  }
  return nullptr;
}

void LdapDirectory::ForgetReplica() {
  feed_.reset();
  state_.reset();
}

absl::StatusOr<DirectorySnapshotPtr> LdapDirectory::ReadFull(const Groups& groups) {
  ForgetReplica();
  std::string why = "the server offers neither DirSync nor syncrepl";
  if (std::unique_ptr<ReplicaFeed> feed = NewFeed(); feed != nullptr) {
    auto state = std::make_unique<ReplicaState>(options_.base_dn, options_.attributes);
    const absl::Status loaded = feed->Load(connection_.get(), state.get());
    if (loaded.ok()) {
      MUSTER_ASSIGN_OR_RETURN(DirectorySnapshotPtr snapshot, state->Snapshot(groups));
      Keep(std::move(feed), std::move(state), true);
      return snapshot;
    }
    if (!absl::IsUnimplemented(loaded)) return loaded;
    why = std::string(loaded.message());
  }
  MUSTER_ASSIGN_OR_RETURN(DirectorySnapshotPtr snapshot, ReadPages(groups));
  ShowRead(kPages, why, true);
  return snapshot;
}

absl::StatusOr<DirectorySnapshotPtr> LdapDirectory::ReadPages(const Groups& groups) {
  SnapshotBuilder builder;
  absl::Status read = SearchPaged(
      connection_.get(), options_.base_dn, kPersons, PersonAttributeNames(options_.attributes),
      [&](DirectoryEntry entry) -> absl::Status {
        // Computers are users to Active Directory; a filter on their class would match nothing on
        // a server that does not know it.
        if (!IsPerson(entry)) return absl::OkStatus();
        MUSTER_ASSIGN_OR_RETURN(PersonRecord person, PersonFromEntry(entry, options_.attributes));
        return builder.AddPerson(std::move(person));
      });
  if (absl::IsNotFound(read)) {
    return absl::FailedPreconditionError(
        absl::StrCat(read.message(), "; correct directory.base_dn"));
  }
  MUSTER_RETURN_IF_ERROR(read);
  if (builder.persons() == 0) {
    // A server hides what an account may not read, and calls that success.
    return absl::FailedPreconditionError(
        absl::StrCat("there is no person below ", options_.base_dn,
                     " that Muster may read; correct directory.base_dn or the right to read"));
  }
  const std::vector<std::string> names = AllAttributeNames(options_.attributes);
  const auto lookup = [&](const std::string& ref) ABSL_EXCLUSIVE_LOCKS_REQUIRED(
                          mu_) -> absl::StatusOr<SnapshotBuilder::Found> {
    MUSTER_ASSIGN_OR_RETURN(const std::optional<DirectoryEntry> entry,
                            FindEntry(connection_.get(), server_, ref, names));
    if (!entry.has_value()) return SnapshotBuilder::Found();
    if (IsGroup(*entry)) return GroupFromEntry(*entry);
    if (!IsPerson(*entry)) return SnapshotBuilder::OtherEntry();
    return PersonFromEntry(*entry, options_.attributes);
  };
  MUSTER_ASSIGN_OR_RETURN(DirectorySnapshot snapshot, builder.Finish(groups, lookup));
  return std::make_shared<const DirectorySnapshot>(std::move(snapshot));
}

absl::Status LdapDirectory::ConfirmGone(const PastMember& member) {
  const SigpipeGuard no_sigpipe;
  MutexLock lock(&mu_);
  absl::Status gone = WithConnection<absl::Status>([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return ConfirmMemberGone(connection_.get(), server_, member, options_.attributes, clock_.Now());
  });
  // What is known is wrong somewhere: the next read must not build on it.
  if (absl::IsAborted(gone)) ForgetReplica();
  return gone;
}

absl::Status LdapDirectory::AddMember(const std::string& group, const std::string& person_id) {
  return SetMemberOf({group, person_id, true});
}

absl::Status LdapDirectory::RemoveMember(const std::string& group, const std::string& person_id) {
  return SetMemberOf({group, person_id, false});
}

absl::Status LdapDirectory::SetMemberOf(const MemberChange& change) {
  const SigpipeGuard no_sigpipe;
  MutexLock lock(&mu_);
  // Once more after a lost connection is safe: what the first try did then is "already so".
  return WithConnection<absl::Status>([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return SetMember(connection_.get(), server_, change);
  });
}

v1::DirectoryReading LdapDirectory::reading() const {
  MutexLock lock(&reading_mu_);
  return reading_;
}

// A name may have gone to somebody else since the last read; an id never does.
absl::StatusOr<std::string> LdapDirectory::CurrentDn(const std::string& person_id) {
  MutexLock lock(&mu_);
  return WithConnection<absl::StatusOr<std::string>>(
      [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) -> absl::StatusOr<std::string> {
        MUSTER_ASSIGN_OR_RETURN(
            const std::optional<DirectoryEntry> entry,
            FindEntry(connection_.get(), server_, person_id, {"objectGUID", "entryUUID"}));
        if (!entry) return absl::UnauthenticatedError("the account is gone from the directory");
        return entry->dn;
      });
}

absl::Status LdapDirectory::CheckPassword(const v1::Person& person, const std::string& password) {
  // An empty one would be an anonymous bind, which always succeeds (RFC 4513, 5.1.2).
  if (password.empty()) return absl::UnauthenticatedError("the password is empty");
  const SigpipeGuard no_sigpipe;
  LdapOptions options = options_;
  options.principal.clear();
  options.keytab_file.clear();
  MUSTER_ASSIGN_OR_RETURN(options.bind_dn, CurrentDn(person.person_id()));
  MUSTER_ASSIGN_OR_RETURN(const std::vector<std::string> uris, ServerUris(options_));
  absl::Status last = absl::UnavailableError("no directory server answers");
  for (const std::string& uri : uris) {
    if (!options.start_tls && !absl::StartsWith(uri, "ldaps://")) {
      return absl::UnimplementedError(
          "passwords are checked over TLS only; set ldaps:// or start_tls in musterd.yaml, or sign "
          "in with a certificate");
    }
    std::string copy = password;
    const Secret secret(&copy);
    last = LdapConnection::Connect(uri, options, secret).status();
    if (!absl::IsUnavailable(last)) return last;
  }
  return last;
}

void LdapDirectory::ShowServers() {
  MutexLock lock(&reading_mu_);
  reading_.clear_servers();
  for (const auto& server : pool_.servers()) *reading_.add_servers() = server;
}

void LdapDirectory::ShowRead(const std::string& method, const std::string& why, bool full) {
  MutexLock lock(&reading_mu_);
  reading_.set_method(method);
  reading_.set_why(why);
  reading_.set_server(pool_.current());
  *reading_.mutable_last_read_at() = ToProto(clock_.Now());
  if (full) *reading_.mutable_last_full_at() = reading_.last_read_at();
  reading_.clear_notes();
  if (feed_ == nullptr) return;
  for (std::string& note : feed_->notes()) reading_.add_notes(std::move(note));
}

}  // namespace muster
