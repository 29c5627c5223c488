# shellcheck shell=sh
# Commands in the machine, and the checkout brought into it.

in_guest() {
  user=$1
  shift
  ssh -F "$machine/ssh_config" "$user" "$@"
}

# The build is the host's: bundles are the same for every architecture.
sync_tree() {
  say 'sync: build'
  (cd "$checkout" && node scripts/build.mjs) >"$machine/build.log" 2>&1 ||
    fail_log sync 'the build failed' "$machine/build.log" 'scripts/setup'
  say 'sync: the checkout to /home/pod/glasspod'
  rsync --archive --delete --exclude=/.git --exclude=/coverage --exclude=/node_modules -e "ssh -F '$machine/ssh_config'" \
    "$checkout/" pod:glasspod/ >"$machine/sync.log" 2>&1 ||
    fail_log sync 'rsync failed' "$machine/sync.log" 'scripts/vm down, then up'
}
