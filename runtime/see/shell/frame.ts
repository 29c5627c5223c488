/** The parts of the script that are the same for every container: checks, clean-up, and the functions that stages use. */
import { quoteWord as quote } from '../../spec/shell-words.ts'
import { comment } from './words.ts'

/** Of what the script is to do, what its head tells. */
export interface ScriptHead {
  /** The command that it stands for. */
  command: string
  /** The user whose files the layers are. */
  user: string
  /** Directories of the layers, to be looked for first. */
  lower: readonly string[]
}

export interface HeadFacts {
  limited: boolean
  /** Directory of the layers. */
  layers: string
  wantsCgroup: boolean
}

export const formatHead = (
  { command, user, lower }: ScriptHead,
  { limited, layers, wantsCgroup }: HeadFacts,
): string[] => {
  return [
    '#!/bin/sh',
    ...comment(`The same container as: ${command.replaceAll('\n', ' ')}`),
    '#',
    ...comment(
      'Made by util-linux and iproute2, and after the root switch by one static busybox: a program of the host would ' +
        'be loaded by the loader of the image. Run it as a file, as the user below, no root is needed. Each step has ' +
        'the name and the reason that glasspod explain gives; "by hand" and "not by hand" say where a shell does it ' +
        'elsewhere, or cannot do it.',
    ),
    'set -eu',
    'PATH=$PATH:/usr/sbin:/sbin',
    `LAYERS=${quote(layers)}`,
    ...comment('Once: after unshare --pid the first child would be process 1, and the namespace would end with it.'),
    'SCRIPT=${SCRIPT:-$(readlink -f "$0")}',
    'BUSYBOX=${BUSYBOX:-$(command -v busybox || :)}',
    'export PATH LAYERS SCRIPT BUSYBOX',
    '',
    'fail() {',
    '  echo "error: $1" >&2',
    '  [ -z "${2-}" ] || echo " try    $2" >&2',
    '  exit 125',
    '}',
    '',
    ...comment('What it needs, asked before anything is made.'),
    'check() {',
    `  [ "$(id -un)" = ${quote(user)} ] || fail ${quote(`the layers belong to ${user}`)} ${quote(`run it as ${user}`)}`,
    '  for program in unshare nsenter setpriv prlimit mount ip findmnt; do',
    '    command -v "$program" >/dev/null || fail "$program is missing" "apt-get install util-linux iproute2"',
    '  done',
    '  [ -n "$BUSYBOX" ] || fail "busybox is missing" "apt-get install busybox-static"',
    '  ! ldd "$BUSYBOX" >/dev/null 2>&1 || fail "$BUSYBOX is not static" "apt-get install busybox-static"',
    `  for layer in ${lower.map(quote).join(' ')}; do`,
    '    [ -d "$LAYERS/$layer" ] || fail "layer $layer is not unpacked" "glasspod pull"',
    '  done',
    '}',
    '',
    ...formatCgroup(wantsCgroup, limited),
  ]
}

/** The directory that this user may divide: the highest that he may write above his own, but none of systemd's. */
const formatCgroup = (wanted: boolean, limited: boolean): string[] => [
  ...comment('A directory of cgroups of our own: below one that was handed to this user, if one was. cgroups(7)'),
  'find_cgroup() {',
  "  CGROUP='' LEAF='' OUTSIDE='' HANDED_DOWN='' own=''",
  ...(wanted
    ? [
        '  top=$(findmnt --noheadings --first-only --types cgroup2 --output TARGET) || return 0',
        "  own=$top$(sed -n 's/^0:://p' /proc/self/cgroup)",
        "  base='' dir=$own",
        '  while [ -w "$dir" ] && [ -w "$dir/cgroup.procs" ]; do',
        '    base=$dir',
        '    case $dir in "$top" | *.scope | *.service) break ;; esac',
        '    dir=${dir%/*}',
        '  done',
        ...(limited
          ? [
              '  [ -n "$base" ] || fail "no cgroup is delegated to this user, and there are limits" \\',
              '    "systemd-run --user --scope -p Delegate=yes sh $SCRIPT"',
            ]
          : ['  [ -n "$base" ] || return 0']),
        '  # processes sit in leaves only, this one too, or the controllers cannot be handed down',
        '  OUTSIDE=$base/by-hand-$$',
        '  mkdir "$OUTSIDE"',
        '  echo $$ >"$OUTSIDE/cgroup.procs"',
        ...(limited
          ? [
              '  for controller in cpu cpuset io memory pids; do',
              '    ! grep -qw "$controller" "$base/cgroup.subtree_control" || continue',
              '    echo "+$controller" >"$base/cgroup.subtree_control" 2>/dev/null || continue',
              '    HANDED_DOWN="$HANDED_DOWN $controller"',
              '  done',
            ]
          : []),
        '  CGROUP=$base/by-hand-pod-$$ LEAF=$base/by-hand-pod-$$/container',
      ]
    : []),
  '}',
  '',
]

export const FUNCTIONS: readonly string[] = [
  ...comment(
    'The exit code of a child. Who is told to end ends it first; the container ends with its parent (--pdeathsig).',
  ),
  'wait_for() {',
  '  child=$1 code=0',
  '  trap \'kill -KILL "$child" 2>/dev/null || :; wait "$child" 2>/dev/null; exit 143\' TERM',
  '  wait "$child" || code=$?',
  '  exit "$code"',
  '}',
  '',
  ...comment(
    'place directory|file PATH: makes it below the new root. A link of the image on the way could lead to the host; the ' +
      'init program looks names up inside the new root (openat2, RESOLVE_IN_ROOT), a shell can only refuse.',
  ),
  'place() {',
  '  kind=$1 way=$R',
  '  IFS=/',
  '  set -f',
  '  # shellcheck disable=SC2086 # split at the slashes',
  '  set -- $2',
  '  set +f',
  '  unset IFS',
  '  while [ $# -gt 0 ]; do',
  '    way=$way/$1',
  '    [ ! -L "$way" ] || fail "$way is a symbolic link of the image" "glasspod run, which can follow it"',
  '    if [ $# -gt 1 ] || [ "$kind" = directory ]; then',
  '      [ -d "$way" ] || mkdir "$way"',
  '    else',
  '      [ -e "$way" ] || : >"$way"',
  '    fi',
  '    shift',
  '  done',
  '}',
  '',
  ...comment('mask PATH: covers it with nothing, if it is there. protect PATH: makes it read-only.'),
  'mask() {',
  '  if [ -d "$R$1" ]; then',
  '    mount -t tmpfs -o ro,nosuid,nodev,noexec,size=0k,nr_inodes=1 tmpfs "$R$1"',
  '  elif [ -e "$R$1" ]; then',
  '    mount --bind "$R/dev/null" "$R$1"',
  '  fi',
  '}',
  'protect() {',
  '  [ -e "$R$1" ] || return 0',
  '  mount --rbind "$R$1" "$R$1"',
  '  mount -o remount,bind,ro "$R$1"',
  '}',
  '',
  ...comment(
    'set_flags OPTIONS TARGET: of a copy of a tree and of all that is mounted below it, as mount_setattr(2) does with ' +
      'AT_RECURSIVE; mount(8) can since 2.39 only.',
  ),
  'set_flags() {',
  '  findmnt --submounts --noheadings --list --output TARGET "$2" | while read -r at; do',
  '    mount -o "remount,bind,$1" "$at"',
  '  done',
  '}',
  '',
  ...comment('The names that all containers of the pod see. hosts(5)'),
  'write_files() {',
  '  printf "127.0.0.1 localhost\\n::1 localhost ip6-localhost ip6-loopback\\n" >"$POD/hosts"',
  '  : >"$POD/hostname"',
  '  sed "/^nameserver *127\\./d" /etc/resolv.conf >"$POD/resolv.conf" 2>/dev/null || : >"$POD/resolv.conf"',
  '}',
]

/** `pod`: flags of the pod's unshare(1); with its own network the node has one too, for the bridge. */
export const formatStart = (userNamespace: readonly string[], pod: readonly string[]): string[] => {
  const outer = ['unshare', ...userNamespace, '--mount', ...(pod.includes('--net') ? ['--net'] : [])].join(' ')
  return [
    '',
    ...comment('Files of other ids can be removed in the user namespace only; a cgroup goes when it is empty.'),
    'clean_up() {',
    '  trap - EXIT',
    '  kill -TERM "$child" 2>/dev/null || :',
    '  wait "$child" 2>/dev/null || :',
    '  [ -z "$CGROUP" ] || remove_cgroup || echo "warning: $CGROUP cannot be removed" >&2',
    `  unshare ${userNamespace.join(' ')} -- rm -rf "$WORK"`,
    '}',
    '',
    'remove_cgroup() {',
    '  [ ! -e "$CGROUP/cgroup.kill" ] || echo 1 >"$CGROUP/cgroup.kill"',
    '  tries=0',
    '  until find "$CGROUP" -depth -type d -exec rmdir {} + 2>/dev/null || [ ! -d "$CGROUP" ]; do',
    '    tries=$((tries + 1))',
    '    [ "$tries" -lt 100 ] || return 1',
    '    sleep 0.05',
    '  done',
    '  for controller in $HANDED_DOWN; do echo "-$controller" >"${OUTSIDE%/*}/cgroup.subtree_control"; done',
    '  echo $$ >"$own/cgroup.procs" && rmdir "$OUTSIDE"',
    '}',
    '',
    ...comment('Where it begins: as the user who started the script.'),
    'start() {',
    '  check',
    '  find_cgroup',
    '  WORK=$(mktemp -d "${TMPDIR:-/tmp}/by-hand-XXXXXX")',
    '  CONTAINER=$WORK/container POD=$WORK/pod',
    '  mkdir "$CONTAINER" "$POD"',
    '  chmod 0711 "$WORK" "$CONTAINER" "$POD"',
    '  export WORK CONTAINER POD CGROUP LEAF OUTSIDE',
    "  child=''",
    '  trap clean_up EXIT',
    "  trap 'exit 130' INT",
    "  trap 'exit 143' TERM HUP",
    '  exec 3<&0',
    `  ${outer} -- sh "$SCRIPT" node <&3 &`,
    '  child=$! code=0',
    '  wait "$child" || code=$?',
    '  exit "$code"',
    '}',
  ]
}
