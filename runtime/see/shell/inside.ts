/**
 * The steps of an init program as shell: each group of calls becomes a comment with its reason and the commands that come
 * to the same, in the stage of the script where they can be run. A step that nothing here knows is an error, so a new
 * one cannot be forgotten.
 */
import type { CallGroup } from '../../plan/groups.ts'
import { findById, type ById } from '../by-id.ts'
import * as mounts from './mounts.ts'
import { callOf, callsOf, memoryOf, namesOf, textOf } from './operands.ts'
import { formatLimit, makeProcess, readExecution, readStep, type Process } from './privileges.ts'
import { comment, type Quote } from './words.ts'

/**
 * Where in the script: `pod` before the PID namespace, whose first process is to be the container's; `monitor` outside of the container, `child` its first process in its old mount namespace, `init`
 * in the new one before the root switch. What comes after the switch is said by `switchRoot` and the process.
 */
export type Stage = 'pod' | 'monitor' | 'child' | 'init'

export interface Inside {
  lines: Record<Stage, string[]>
  /** Flags of unshare(1), by stage: before it the new namespaces are not there. */
  unshare: { monitor: string[]; child: string[] }
  /** The commands of the root switch, run by busybox. */
  switchRoot: string[]
  process: Process
}

const UNSHARE: Record<string, string> = {
  CLONE_NEWNS: '--mount',
  CLONE_NEWCGROUP: '--cgroup',
  CLONE_NEWIPC: '--ipc',
  CLONE_NEWUTS: '--uts',
  CLONE_NEWNET: '--net',
  CLONE_NEWPID: '--pid',
}

/** What a shell cannot do, and what the script does instead or does without. */
const NOT_BY_HAND: ById = [
  [/^monitor\.(name|alive|close)$/, 'not by hand: nobody watches this script but you'],
  [/^monitor\.stdin$/, 'not by hand: the standard input of the script is the container’s'],
  [/^monitor\.log$/, 'not by hand: what the container writes is not logged, it goes where the script writes'],
  [/^terminal\./, 'not by hand: the terminal of the script is the container’s, not a new one'],
  [/^monitor\.(clone|wait)$/, 'by hand: the shell forks at & and waits'],
  [/^pause\.wait$/, 'by hand: the shell of the stage "node" waits for the one of the pod'],
  [/^monitor\.record$/, 'not by hand: the exit code of the script is the record'],
  [/^status\./, 'not by hand: set -e ends the script, and the command says why'],
  [/^cgroups\.kill$/, 'by hand: the trap of the script kills what is left in the cgroup'],
  [/^process\.session$/, 'not by hand: setsid(1) would take your terminal’s Ctrl-C from the container'],
  [/^process\.stdio$/, 'by hand: inherited'],
  [/^process\.seccomp$/, 'not by hand: setpriv(1) loads a filter from util-linux 2.41 on, but not after a root switch'],
  [/^process\.death-signal$/, 'by hand: setpriv --pdeathsig, below'],
  [/^process\.descriptors$/, 'by hand: the shell has no other descriptor open; nothing here stops a later one'],
  [/^process\.(bounding|user|umask|capabilities|no-new-privileges)$/, 'by hand: setpriv(1), below'],
]

const unsharedBy = (group: CallGroup): string[] =>
  callsOf(group, 'unshare').flatMap(({ args }) => namesOf(args[0]).flatMap((name) => UNSHARE[name] ?? []))

const openedPath = (group: CallGroup): string => textOf(callOf(group, 'openat').args[1])

/** `write` of a text to the file that was opened before it. */
const writeTo = (group: CallGroup, quote: Quote): string =>
  `echo ${quote(textOf(callOf(group, 'write').args[1]))} >${quote(openedPath(group))}`

/** The reason of a mount is given where it is opened. */
const reasonOf = (group: CallGroup, opened: ReadonlyMap<string, mounts.OpenMount>): string => {
  if (!mounts.isAttachment(group)) return group.why
  const why = opened.get(memoryOf(callOf(group, 'move_mount').args[0]))?.why ?? ''
  return why === '' ? group.why : why
}

export const renderInside = (groups: readonly CallGroup[], quote: Quote): Inside => {
  const process = makeProcess()
  const result: Inside = {
    lines: { pod: [], monitor: [], child: [], init: [] },
    unshare: { monitor: [], child: [] },
    switchRoot: [],
    process,
  }
  const opened = new Map<string, mounts.OpenMount>()
  let cgroupProcs = ''

  /** Commands, a note, or undefined: unknown. */
  const render = (group: CallGroup): string[] | string | undefined => {
    const { id } = group
    if (/^namespaces\./.test(id)) {
      const flags = unsharedBy(group)
      result.unshare[id === 'namespaces.pid' ? 'monitor' : 'child'].push(...flags)
      return `by hand: unshare ${flags.join(' ')}, below`
    }
    if (id === 'cgroups.open') {
      cgroupProcs = openedPath(group)
      return 'by hand: by its path'
    }
    if (id === 'cgroups.enter' || id === 'pause.cgroup') {
      const path = id === 'pause.cgroup' ? openedPath(group) : cgroupProcs
      return [`[ -z "$CGROUP" ] || echo 0 >${quote(path)}`]
    }
    if (id === 'uts.hostname') return [`"$BUSYBOX" hostname ${quote(textOf(callOf(group, 'sethostname').args[0]))}`]
    if (id === 'net.loopback') return ['ip link set lo up']
    if (id === 'net.sysctl') return [`${writeTo(group, quote)} 2>/dev/null || :`]
    if (id === 'process.oom-score-adj') return [writeTo(group, quote)]
    if (id === 'mounts.private') return ['mount --make-rprivate /']
    if (id === 'rootfs.overlay') return mounts.overlay(group, quote)
    if (id === 'rootfs.fuse')
      return group.process === 'fuse-overlayfs'
        ? mounts.serve(group, quote)
        : 'by hand: fuse-overlayfs makes the mount, in the stage "pod"'
    if (id === 'mounts.masked') return mounts.mask(group, quote)
    if (id === 'mounts.readonly') return mounts.protect(group, quote)
    if (id === 'devices.links') return mounts.links(group, quote)
    if (id === 'rootfs.readonly') return ['mount -o remount,bind,ro "$R"']
    if (id === 'rootfs.pivot') {
      result.switchRoot = ['pivot_root . .', 'umount -l .']
      return 'by hand: by busybox, at the end: after it no program of the host can be run'
    }
    if (id === 'rootfs.move') {
      throw new Error('a moved root is not made by hand')
    }
    if (id === 'process.cwd') {
      const chdir = callsOf(group, 'chdir')[0]
      if (chdir === undefined) return [`place directory ${quote(textOf(callsOf(group, 'mkdirat').at(-1)?.args[1]))}`]
      process.cwd = textOf(chdir.args[0])
      return 'by hand: cd, below'
    }
    if (id === 'process.exec') {
      readExecution(group, process)
      return 'by hand: exec, below'
    }
    if (id === 'process.rlimits') return [formatLimit(group)]
    if (/^(mounts|devices)\./.test(id)) {
      if (mounts.isAttachment(group)) return mounts.attach(group, opened, quote)
      for (const [memory, mount] of mounts.readOpened(group, quote)) opened.set(memory, { ...mount, why: group.why })
      return []
    }
    if (id.startsWith('process.')) readStep(group, process)
    return findById(NOT_BY_HAND, id)
  }

  let stage: Stage = 'monitor'
  let said = ''
  for (const group of groups) {
    if (/^(log pump|terminal pump|whoever)/.test(group.process)) continue
    if (group.process === 'container' && stage === 'monitor') stage = 'child'
    const lines = render(group)
    if (lines === undefined) throw new Error(`no shell is known for the step ${group.id}`)
    const note = typeof lines === 'string' ? ` (${lines})` : ''
    const there = group.process === 'fuse-overlayfs' ? 'pod' : stage
    // what opens a mount is said where it is attached; what is one step to the shell, once
    if (lines.length > 0 && `${group.id}${note}` !== said)
      result.lines[there].push(...comment(`${group.id}: ${reasonOf(group, opened)} ${group.man}${note}`))
    said = note === '' ? '' : `${group.id}${note}`
    if (typeof lines !== 'string') result.lines[there].push(...lines)
    // the last of the namespaces that unshare(1) makes for the child: from here on it is in them
    if (stage === 'child' && group.id === 'namespaces.cgroup') stage = 'init'
  }
  return result
}
