# How long `musterctl audit verify` takes for an export of ten million entries on one core, beside
# sha256sum over the same files in the same run. Sourced by bench/run.sh; needs lib.sh.
# shellcheck shell=bash disable=SC2154,SC2034
audit_export_keys=(audit.verify_s)
audit_export_entries=${MUSTER_BENCH_AUDIT_ENTRIES:-10000000} # 3.6 GB below the build folder

bench_audit_export() {
  local folder=$root/build/bench-audit begin
  rm -rf "$folder"
  mkdir -p "$folder"
  "$bin/audit_export" make "$folder/export" "$audit_export_entries" >&2
  for _ in 1 2 3; do
    taskset -c 0 "$bin/audit_export" verify "$folder/export" | awk '{print $1}'
  done >"$demo/verify"
  begin=$(date +%s.%N)
  find "$folder/export" -type f -print0 | taskset -c 0 xargs -0 sha256sum >/dev/null
  emit_s audit.verify_s "$(date +%s.%N | awk -v begin="$begin" '{printf "%.2f", $1 - begin}')" \
    "$audit_export_entries" <"$demo/verify"
  rm -rf "$folder"
}
