# shellcheck shell=sh
# What scripts/vm says: progress with the seconds that have passed, and failures that name the part and its log.

began=$(date +%s)

seconds() { echo $(($(date +%s) - began)); }
say() { printf 'vm: [%3d s] %s\n' "$(seconds)" "$1" >&2; }

# fail PART SENTENCE [REMEDY...]
fail() {
  printf 'error: %s: %s\n' "$1" "$2" >&2
  shift 2
  for remedy in "$@"; do printf ' try    %s\n' "$remedy" >&2; done
  exit 125
}

# fail_log PART SENTENCE LOG [REMEDY...]: with the end of what the part has said
fail_log() {
  part=$1 sentence=$2 log=$3
  shift 3
  if [ -s "$log" ]; then
    printf ' log    %s, its end:\n' "$log" >&2
    tail -n 15 "$log" | tr -d '\r' | sed 's/^/ |      /' >&2
  fi
  fail "$part" "$sentence" "$@"
}
