# What bench/run.sh, bench/exec.sh and bench/soak.sh share. Sourced; needs $root and MUSTER_DEMO_DIR.
# shellcheck shell=bash disable=SC2034
source "$root/deploy/demo/lib.sh"

# Where filesystems of ours are mounted, over whatever is there, in a mount namespace of ours.
world=/mnt
if [[ "$root/" = /mnt/* ]]; then world=/srv; fi # not over ourselves
tool=bench keys=() json="" command_of=bench/run.sh
wanted() { [[ " ${keys[*]} " == *" $1 "* ]]; }

any_wanted() {
  local key
  for key in "$@"; do if wanted "$key"; then return 0; fi; done
  return 1
}

# emit KEY VALUE UNIT BASELINE RATIO N P50 P99 SIZE; "null" for what does not exist.
emit() {
  wanted "$1" || return 0
  local command="$command_of"
  if [ "$command" = bench/run.sh ]; then command="bench/run.sh $1"; fi
  if [ -n "$json" ]; then
    printf '{"key":"%s","value":%s,"unit":"%s","baseline":%s,"ratio":%s,"n":%s,"p50":%s,"p99":%s,"size":%s,"command":"%s"}\n' \
      "$1" "$2" "$3" "$4" "$5" "$6" "$7" "$8" "$9" "$command"
  else
    printf '%-28s %10s %-5s baseline %-8s ratio %-6s n %-6s p50 %-8s p99 %s\n' \
      "$1" "$2" "$3" "$4" "$5" "$6" "$7" "$8"
  fi
}

# emit_error KEY TEXT: it could not be measured, and why; a figure of another key still can.
emit_error() {
  wanted "$1" || return 0
  if [ -n "$json" ]; then
    printf '{"key":"%s","value":null,"error":"%s"}\n' "$1" "${2//[\"\\]/}"
  else
    printf '%-28s not measured: %s\n' "$1" "$2"
  fi
}

# quantile Q: of the numbers on standard input.
quantile() {
  sort -n | awk -v q="$1" '{v[NR] = $1} END {i = int((NR - 1) * q + 0.5) + 1; print v[i]}'
}

# quotient A B: with two decimals; null when there is nothing to divide by.
quotient() { awk -v a="$1" -v b="$2" 'BEGIN {if (b + 0 > 0) printf "%.2f", a / b; else print "null"}'; }

# own_world [-n] PROGRAM ARGS...: the caller becomes itself in a mount namespace of its own (and with
# -n in a network of its own): mounts of ours end with us, and nobody else sees them.
own_world() {
  [ -z "${MUSTER_BENCH_WORLD:-}" ] || return 0
  export MUSTER_BENCH_WORLD=yes MUSTER_BENCH_BUILT=yes
  exec unshare -m "$@"
}

# demo_policies FOLDER PATH...: the demo's app, known by these paths as well.
demo_policies() {
  local folder=$1 paths
  shift
  paths=$(printf ', %s' "$@")
  cp -r "$root/deploy/demo/policies" "$folder"
  sed -i "s|paths: \[\(.*\)\]|paths: [\1$paths]|" "$folder/catalogue/demo-chat.yaml"
}
