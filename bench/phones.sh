# Phones behind a UEM: on a clock shared with the UEM simulator, 600 calls a minute.
# Sourced by bench/run.sh; needs lib.sh.
#   phones.reconcile_ratio  everything that 10,000 new phones need, each of them read and all that is
#                           missing written; baseline: the minutes that the same calls take at the
#                           limit
#   phones.told_s           from an approval to the call that tells the UEM, while all phones are
#                           being read again; the worst of 20
#   phones.beacon_ms        CPU of the bridge for one Beacon to one phone, verified, among 10,000;
#                           size: bytes of its state per phone
# shellcheck shell=bash disable=SC2154
phones_keys=(phones.reconcile_ratio phones.told_s phones.beacon_ms)
phones_number=${MUSTER_BENCH_PHONES:-10000}

# phones_figure NAME: of "word name=value …" lines.
phones_figure() { tr ' ' '\n' <"$demo/phones" | sed -n "s/^$1=//p" | tail -n 1; }

bench_phones() {
  if wanted phones.reconcile_ratio || wanted phones.told_s; then
    "$bin/phones" "$phones_number" >"$demo/phones"
    cat "$demo/phones" >&2
    if wanted phones.reconcile_ratio; then
      emit phones.reconcile_ratio "$(phones_figure minutes)" min "$(phones_figure limits_own)" \
        "$(phones_figure ratio)" "$(phones_figure calls)" null null null
    fi
    if wanted phones.told_s; then
      emit phones.told_s "$(phones_figure worst)" s null null 20 "$(phones_figure median)" null null
    fi
  fi
  if wanted phones.beacon_ms; then
    mkdir -p "$demo/phones-state"
    "$bin/bridge_beacons" "$demo/phones-state" "$phones_number" >"$demo/phones"
    cat "$demo/phones" >&2
    emit phones.beacon_ms "$(awk '$1 == "beacon" {v = $2 / 1000} END {print v}' "$demo/phones")" ms null null \
      "$phones_number" null null "$(awk '$1 == "beacon" {v = $12} END {print v}' "$demo/phones")"
    rm -rf "$demo/phones-state"
  fi
}
