#include "controller/adapters/rocksdb/rocksdb_store.h"

#include <utility>

#include "common/status_macros.h"
#include "controller/adapters/rocksdb/database.h"
#include "controller/adapters/rocksdb/migrate.h"
#include "controller/adapters/rocksdb/rocksdb_snapshot.h"
#include "controller/adapters/rocksdb/sequencer.h"
#include "controller/adapters/rocksdb/tip.h"

namespace muster {
namespace {

class RocksStore final : public Store {
 public:
  RocksStore(std::unique_ptr<Database> database, Tip tip)
      : database_(std::move(database)), sequencer_(database_.get(), std::move(tip)) {}

  std::unique_ptr<Snapshot> Read() const override {
    return std::make_unique<RocksDbSnapshot>(database_->Get());
  }
  absl::StatusOr<uint64_t> Commit(Mutation mutation) override {
    return sequencer_.Commit(std::move(mutation));
  }

 private:
  const std::unique_ptr<Database> database_;
  Sequencer sequencer_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> RocksDbStore::Open(const std::string& folder) {
  MUSTER_ASSIGN_OR_RETURN(std::unique_ptr<Database> database, Database::Open(folder));
  MUSTER_RETURN_IF_ERROR(MigrateLog(database->Get().get()));
  MUSTER_ASSIGN_OR_RETURN(Tip tip, ReadTip(database->Get(), folder));
  return std::make_unique<RocksStore>(std::move(database), std::move(tip));
}

}  // namespace muster
