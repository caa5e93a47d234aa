# The audit log: how fast it takes durable entries, how old its signed head is, what a proof costs.
# Sourced by bench/run.sh; needs lib.sh.
#   audit.per_s              entries a second, each with its change and durable; baseline: the same
#                            bytes written and synced by RocksDB alone, in batches as large
#   audit.checkpoint_age_ms  from an answer to a signed head that covers it, under that load
#   audit.proof_ms           one proof among MUSTER_BENCH_AUDIT_ENTRIES; size: bytes of its file
# shellcheck shell=bash disable=SC2154
audit_keys=(audit.per_s audit.checkpoint_age_ms audit.proof_ms)
audit_committers=1000 audit_seconds=20
audit_entries=${MUSTER_BENCH_AUDIT_ENTRIES:-10000000}

audit_figure() { awk -v name="$1" '$1 == name {print $2}' "$demo/audit"; }

bench_audit() {
  local value
  if wanted audit.per_s; then
    "$bin/audit_log" rate "$demo/audit-rate" $audit_committers $audit_seconds >"$demo/audit"
    value=$(audit_figure per_s)
    emit audit.per_s "$value" 1/s "$(audit_figure plain_per_s)" \
      "$(quotient "$value" "$(audit_figure plain_per_s)")" $audit_committers null null \
      "$(audit_figure entry_bytes)"
  fi
  if wanted audit.checkpoint_age_ms; then
    "$bin/audit_log" age "$demo/audit-age" $audit_committers $audit_seconds >"$demo/audit"
    emit audit.checkpoint_age_ms "$(audit_figure age_max_ms)" ms null null "$(audit_figure ages)" \
      "$(audit_figure age_p50_ms)" "$(audit_figure age_p99_ms)" null
  fi
  if wanted audit.proof_ms; then
    "$bin/audit_log" proof "$demo/audit-proof" "$audit_entries" >"$demo/audit"
    cat "$demo/audit" >&2
    emit audit.proof_ms "$(audit_figure proof_p99_ms)" ms null null "$audit_entries" \
      "$(audit_figure proof_p50_ms)" "$(audit_figure proof_p99_ms)" "$(audit_figure proof_bytes)"
  fi
  rm -rf "$demo"/audit-*
}
