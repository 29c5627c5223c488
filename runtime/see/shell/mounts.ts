/**
 * Mounts of a container by mount(8). The init program opens what comes from the host before the root switch and attaches
 * it after, by descriptor; a shell knows only paths, so it mounts everything below the new root while the old one is
 * still there, and refuses links on the way (`place` of the script's head).
 */
import { resolve } from 'node:path'
import type { Call } from '../../init/call.ts'
import type { CallGroup } from '../../plan/groups.ts'
import { callOf, callsOf, memoryOf, namesOf, shownOf, textOf, wordsOf } from './operands.ts'
import type { Quote } from './words.ts'

/** What is open and not yet attached, by the memory that keeps its descriptor. */
export interface OpenMount {
  /** mount(8)'s arguments before the target. */
  make: string
  /** Flags of a bind, which mount(8) sets by a second call. */
  remount: string[]
  /** A copy of a tree, with what is mounted below it. */
  isTree?: boolean
  why?: string
}

const READONLY = 'ro'
const OPTION: Record<string, string> = {
  MOUNT_ATTR_RDONLY: READONLY,
  MOUNT_ATTR_NOSUID: 'nosuid',
  MOUNT_ATTR_NODEV: 'nodev',
  MOUNT_ATTR_NOEXEC: 'noexec',
}

const optionsOf = (names: readonly string[]): string[] =>
  names.flatMap((name) => (OPTION[name] === undefined ? [] : [OPTION[name]]))

/** `{attr_set=MOUNT_ATTR_RDONLY|..., ...}` of mount_setattr(2). */
const attributesOf = (call: Call): string[] =>
  optionsOf((/attr_set=([A-Z_|]+)/.exec(shownOf(call.args[3]))?.[1] ?? '').split('|'))

const openFilesystem = (group: CallGroup, fsopen: Call, quote: Quote): Map<string, OpenMount> => {
  const context = fsopen.result?.at ?? ''
  const ofThis = (call: Call) => memoryOf(call.args[0]) === context
  const type = textOf(fsopen.args[0])
  const mounted = callsOf(group, 'fsmount').find(ofThis)
  const attributes = optionsOf(namesOf(mounted?.args[2]))
  const options = [
    ...callsOf(group, 'fsconfig')
      .filter((call) => ofThis(call) && namesOf(call.args[1])[0] === 'FSCONFIG_SET_STRING')
      .map(({ args }) => `${textOf(args[2])}=${textOf(args[3])}`)
      .filter((option) => !option.startsWith('source=')),
    ...attributes.filter((name) => name !== READONLY),
  ]
  // of the mount and not of the filesystem, which others may have mounted too
  const remount = attributes.includes(READONLY) ? [READONLY] : []
  const flags = options.length === 0 ? '' : ` -o ${quote(options.join(','))}`
  return new Map([[mounted?.result?.at ?? '', { make: `-t ${type}${flags} ${type}`, remount }]])
}

/** What a group opens: new filesystems and copies of the host's trees. */
export const readOpened = (group: CallGroup, quote: Quote): Map<string, OpenMount> =>
  new Map([
    ...callsOf(group, 'fsopen').flatMap((call) => [...openFilesystem(group, call, quote)]),
    ...callsOf(group, 'open_tree').map((call): [string, OpenMount] => {
      const memory = call.result?.at ?? ''
      const set = callsOf(group, 'mount_setattr').find(({ args }) => memoryOf(args[0]) === memory)
      const recursive = namesOf(call.args[2]).includes('AT_RECURSIVE')
      return [
        memory,
        {
          make: `--${recursive ? 'rbind' : 'bind'} ${quote(textOf(call.args[1]))}`,
          remount: set === undefined ? [] : attributesOf(set),
          isTree: recursive,
        },
      ]
    }),
  ])

/** Whether the place of a mount is a directory: planMissing makes a file there otherwise. */
const isDirectory = (group: CallGroup): boolean => callsOf(group, 'openat').length === 0

const setFlags = ({ remount, isTree }: OpenMount, target: string): string[] => {
  if (remount.length === 0) return []
  const flags = remount.join(',')
  return [isTree === true ? `set_flags ${flags} ${target}` : `mount -o remount,bind,${flags} ${target}`]
}

export const attach = (group: CallGroup, opened: ReadonlyMap<string, OpenMount>, quote: Quote): string[] => {
  const moved = callOf(group, 'move_mount')
  const mount = opened.get(memoryOf(moved.args[0]))
  if (mount === undefined) throw new Error(`${group.id}: nothing was opened to attach`)
  const path = textOf(callOf(group, 'openat2').args[1])
  const target = `"$R"${quote(path)}`
  return [
    `place ${isDirectory(group) ? 'directory' : 'file'} ${quote(path)}`,
    `mount ${mount.make} ${target}`,
    ...setFlags(mount, target),
  ]
}

export const isAttachment = (group: CallGroup): boolean =>
  callsOf(group, 'openat2').length > 0 && callsOf(group, 'move_mount').length > 0

export const overlay = (group: CallGroup, quote: Quote): string[] => {
  const { args } = callOf(group, 'mount')
  const directories = callsOf(group, 'chdir').map((call) => `cd ${quote(textOf(call.args[0]))}`)
  const links = callsOf(group, 'symlinkat').map(
    ({ args: [target, , name] }) => `ln -sfn ${quote(textOf(target))} ${quote(textOf(name))}`,
  )
  const made = callsOf(group, 'mkdirat').map((call) => `mkdir -p ${quote(textOf(call.args[1]))}`)
  return [
    ...made,
    ...directories,
    ...links,
    `mount -t overlay -o ${quote(textOf(args[4]))} overlay ${quote(textOf(args[1]))}`,
    'cd /',
  ]
}

/** A daemon that ends with the script: started where it is not yet the first process of the new PID namespace. */
export const serve = (group: CallGroup, quote: Quote): string[] => {
  const layers = textOf(callOf(group, 'chdir').args[0])
  const [, , , given = ''] = wordsOf(callOf(group, 'execve').args[1])
  // absolute, so that they become the script's own
  const options = given.replaceAll(
    /((?:upper|work)dir=)([^,]*)/g,
    (_, name: string, path: string) => name + resolve(layers, path),
  )
  return [
    `cd ${quote(layers)}`,
    'command -v fuse-overlayfs >/dev/null || fail "fuse-overlayfs is missing" "apt-get install fuse-overlayfs"',
    `setpriv --pdeathsig KILL fuse-overlayfs -f -o ${quote(options)} "$CONTAINER/rootfs" </dev/null 3<&- &`,
    'cd /',
    'until findmnt "$CONTAINER/rootfs" >/dev/null; do',
    '  kill -0 $! 2>/dev/null || fail "fuse-overlayfs has ended" "ls -l /dev/fuse; glasspod doctor rootfs.fuse"',
    '  sleep 0.05',
    'done',
  ]
}

export const mask = (group: CallGroup, quote: Quote): string[] => [
  `mask ${quote(textOf(callOf(group, 'move_mount').args[3]))}`,
]

export const protect = (group: CallGroup, quote: Quote): string[] => [
  `protect ${quote(textOf(callOf(group, 'open_tree').args[1]))}`,
]

export const links = (group: CallGroup, quote: Quote): string[] =>
  callsOf(group, 'symlinkat').map(
    ({ args: [target, , path] }) => `ln -s ${quote(textOf(target))} "$R"${quote(textOf(path))}`,
  )
