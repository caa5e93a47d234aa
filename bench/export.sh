# How fast exported chats are read, beside npm's whatsapp-chat-parser on the same files in the same
# run, and in how much memory. Sourced by bench/run.sh; needs lib.sh.
#   export.mb_per_s          text on one core from disk to its summary, all forms together; baseline:
#                            the JavaScript parser, from disk to its list
#   export.inspect_mb_per_s  the same as `archive inspect` does it: with the file's SHA-256
#   export.zip_mb_per_s      the same texts in zips: unpacked, checked, hashed
#   export.peak_kb           of the largest text; baseline: of one an eighth its size
# shellcheck shell=bash disable=SC2154
export_keys=(export.mb_per_s export.inspect_mb_per_s export.zip_mb_per_s export.peak_kb)
export_forms=(android-us android-de ios-us)
export_peer=whatsapp-chat-parser@4.0.2
export_mb=${MUSTER_BENCH_EXPORT_MB:-64} # of each form; the peer holds a few times that in memory
export_large_mb=200
export_runs=5
export_npm=$root/build/bench-npm

# export_install: the peer, of the pinned version, below the build folder; says what is missing.
export_install() {
  local tool
  for tool in node npm; do
    if ! command -v "$tool" >/dev/null; then
      echo "$tool is missing; install Debian's nodejs and npm"
      return 1
    fi
  done
  mkdir -p "$export_npm"
  if ! (cd "$export_npm" &&
    npm install --no-audit --no-fund --ignore-scripts --no-save "$export_peer") \
    >"$demo/npm.log" 2>&1; then
    echo "npm cannot install $export_peer: $(tail -1 "$demo/npm.log")"
    return 1
  fi
}

# export_sum: of lines BYTES SECONDS …, one line of both sums.
export_sum() { awk '{bytes += $1; seconds += $2} END {printf "%.0f %.4f\n", bytes, seconds}'; }

export_ours() { # parse|read FILE...: MB/s over all of them, one line per run
  local i file how=$1
  shift
  for i in $(seq $export_runs); do
    for file in "$@"; do "$bin/export_read" "$how" "$file"; done >"$demo/pass"
    export_sum <"$demo/pass" | awk '{printf "%.1f\n", $1 / $2 / 1e6}'
  done
}

export_theirs() { # FILE...: MB/s over all of them, the median: a process for each file, as ours
  local i file
  for i in $(seq $export_runs); do
    for file in "$@"; do
      node --max-old-space-size=8192 "$root/bench/export_parse.mjs" "$export_npm" "$file"
    done >"$demo/pass"
    cat "$demo/pass" >&2
    export_sum <"$demo/pass" | awk '{printf "%.2f\n", $1 / $2 / 1e6}'
  done | quantile 0.5
}

# export_emit KEY BASELINE SIZE: the figures on standard input.
export_emit() {
  local p50
  sort -n >"$demo/values"
  p50=$(quantile 0.5 <"$demo/values")
  emit "$1" "$p50" MB/s "$2" "$(quotient "$p50" "$2")" "$export_runs" "$p50" \
    "$(quantile 0.99 <"$demo/values")" "$3"
}

export_peak() { # MB: kB of the reader's largest moment
  "$bin/export_read" write android-us "$1" "$demo/exports/peak.txt"
  "$bin/export_read" read "$demo/exports/peak.txt" | awk '{print $3}'
  rm -f "$demo/exports/peak.txt"
}

bench_export() {
  local form texts=() zips=() theirs=null why="" bytes small large
  mkdir -p "$demo/exports"
  for form in "${export_forms[@]}"; do
    "$bin/export_read" write "$form" "$export_mb" "$demo/exports/$form.txt"
    texts+=("$demo/exports/$form.txt")
  done
  bytes=$(cat "${texts[@]}" | wc -c)
  if wanted export.mb_per_s; then
    if why=$(export_install); then
      theirs=$(export_theirs "${texts[@]}")
      export_ours parse "${texts[@]}" | export_emit export.mb_per_s "$theirs" "$bytes"
    else
      emit_error export.mb_per_s "$why"
      left_running=export # a figure that was asked for is missing: exit 1
    fi
  fi
  if wanted export.inspect_mb_per_s; then
    export_ours read "${texts[@]}" | export_emit export.inspect_mb_per_s null "$bytes"
  fi
  if wanted export.zip_mb_per_s; then
    for form in "${export_forms[@]}"; do
      mkdir -p "$demo/exports/$form"
      cp "$demo/exports/$form.txt" "$demo/exports/$form/_chat.txt"
      (cd "$demo/exports/$form" && python3 -m zipfile -c "../$form.zip" _chat.txt)
      rm -r "${demo:?}/exports/$form"
      zips+=("$demo/exports/$form.zip")
    done
    export_ours read "${zips[@]}" | export_emit export.zip_mb_per_s null "$bytes"
  fi
  if wanted export.peak_kb; then
    small=$(export_peak $((export_large_mb / 8)))
    large=$(export_peak $export_large_mb)
    emit export.peak_kb "$large" kB "$small" "$(quotient "$large" "$small")" 1 "$large" "$large" \
      $((export_large_mb << 20))
  fi
  rm -rf "$demo/exports"
}
