# shellcheck shell=sh
# The integration tests, and what only this machine can show (test/vm), as user pod; then, from outside, what pod cannot
# do to his own machine (test/vm/outside).

# Seconds for all tests in the machine: forty minutes on two emulated processors that do nothing else, more beside other work.
SUITE_LIMIT=3600

# An emulated processor takes ten times longer: the bounds that end a hanging test grow with it.
patience() { if [ "$(read_kvm)" = usable ]; then echo 1; else echo 10; fi; }

vitest() { (cd "$checkout" && node_modules/.bin/vitest "$@"); }

# suite [--without-kvm] [TEST...]: the results lie in $machine/results, or where GLASSPOD_VM_RESULTS says. With the flag only
# these tests where there is no KVM, else all.
suite() {
  if [ "${1-}" = --without-kvm ]; then
    shift
    if [ "$(read_kvm)" = usable ]; then set --; else say "test: without KVM only $*"; fi
  fi
  results=${GLASSPOD_VM_RESULTS:-$machine/results}
  mkdir -p "$results"
  rm -f "$results"/*.json
  say 'test: which tests there are'
  vitest list --project integration --project vm --json="$results/expected.json" "$@" >"$machine/list.log" 2>&1 ||
    fail_log test 'the tests cannot be listed' "$machine/list.log"
  say "test: in the machine (results: $results)"
  inside=0
  in_guest pod "cd glasspod && rm -f ~/results.json && PATH=\$PATH:/usr/sbin:/sbin GLASSPOD_TEST_PATIENCE=$(patience) CI=${CI:-} \
    GLASSPOD_RESULTS=\$HOME/results.json timeout --foreground --kill-after=10 $SUITE_LIMIT \
    node_modules/.bin/vitest run --project integration --project vm $*" </dev/null || inside=$?
  in_guest pod 'cat results.json' >"$results/inside.json" </dev/null ||
    fail test "the tests in the machine ended with status $inside and left no results" \
      "scripts/vm ssh, and see: node_modules/.bin/vitest run --project vm"
  outside=0
  say 'test: from outside'
  GLASSPOD_RESULTS=$results/outside.json GLASSPOD_TEST_PATIENCE=$(patience) \
    GLASSPOD_VM_SSH=$machine/ssh_config vitest run --project vm-outside --passWithNoTests "$@" </dev/null || outside=$?
  say 'test: done'
  node "$here/vm-parts/compare-suites.mjs" "$results/expected.json" "$results/inside.json" || inside=1
  [ "$inside" = 0 ] && [ "$outside" = 0 ]
}
