/** The session of the user: systemd's manager, its runtime directory, and whether it outlives a logout. */
import { existsSync } from 'node:fs'
import { errnoOf } from '../../errors.ts'
import { withSbin } from '../../rootless/environment.ts'
import { findForeign } from '../../rootless/root-directory.ts'
import { findUserManager } from '../../rootless/user-manager.ts'
import type { Host } from './host.ts'
import { bad, defineProbe, fine, unasked, type Probe } from './probe.ts'

interface Session {
  /** systemd started this machine (sd_booted(3)). */
  booted: boolean
  byRoot: boolean
  uid: number
  user: string
  manager: boolean
  lingers: boolean
}

const readSession = ({ uid, user, byRoot, env }: Host): Session => ({
  booted: existsSync('/run/systemd/system'),
  byRoot,
  uid,
  user: user ?? `${uid}`,
  manager: findUserManager(uid, withSbin(env['PATH'])) !== undefined,
  lingers: existsSync(`/var/lib/systemd/linger/${user ?? uid}`),
})

const NO_SYSTEMD = 'this machine was not started by systemd'
const BY_ROOT = 'started by root, glasspod needs no session'

export const MANAGER = defineProbe<Session>({
  id: 'session.manager',
  group: 'session',
  severity: 'warning',
  title: 'systemd manages the user',
  why: 'The manager of the user hands out cgroups. It runs after a login by ssh or on a console; su and sudo start none.',
  advice:
    'sudo apt-get install dbus-user-session libpam-systemd; sudo loginctl enable-linger USER  # then log in anew (ssh, not su)',
  see: 'systemd(1), pam_systemd(8), loginctl(1)',
  read: readSession,
  judge({ booted, byRoot, uid, manager }) {
    if (byRoot) return unasked(BY_ROOT)
    if (!booted) return unasked(NO_SYSTEMD)
    return manager
      ? fine(`/run/user/${uid}/systemd`)
      : bad(`no systemd answers at /run/user/${uid}/systemd/private, or there is no systemd-run(1)`)
  },
})

export const LINGER = defineProbe<Session>({
  id: 'session.linger',
  group: 'session',
  severity: 'note',
  title: 'containers outlive a logout',
  why: 'When the last session of a user ends, systemd ends his manager and all that it manages, unless he lingers.',
  advice: 'sudo loginctl enable-linger USER',
  see: 'loginctl(1), logind.conf(5)',
  read: readSession,
  judge({ booted, byRoot, user, lingers }) {
    if (byRoot) return unasked(BY_ROOT)
    if (!booted) return unasked(NO_SYSTEMD)
    return lingers ? fine(`${user} lingers`) : bad(`${user} does not linger: containers end with the last logout`)
  },
})

interface Runtime {
  value: string
  uid: number
  /** What speaks against the directory, or the errno of looking at it. */
  problem: string | undefined
}

export const RUNTIME = defineProbe<Runtime>({
  id: 'session.runtime-directory',
  group: 'session',
  severity: 'warning',
  title: 'XDG_RUNTIME_DIR is unset, or a directory of the user',
  why: 'Sockets lie there. After su it often still names the directory of the user before, where nothing can be made.',
  advice: 'unset XDG_RUNTIME_DIR  # or, where that is there: export XDG_RUNTIME_DIR=/run/user/$(id -u)',
  see: 'https://specifications.freedesktop.org/basedir-spec/latest/, pam_systemd(8)',
  read({ uid, env }) {
    const value = env['XDG_RUNTIME_DIR'] ?? ''
    if (value === '') return { value, uid, problem: undefined }
    try {
      return { value, uid, problem: value.startsWith('/') ? findForeign(value, uid) : 'it is no absolute path' }
    } catch (error) {
      return { value, uid, problem: `${value}: ${errnoOf(error) ?? 'cannot be read'}` }
    }
  },
  judge({ value, uid, problem }) {
    if (value === '') return fine(`it is unset: /tmp/glasspod-${uid} takes its place`)
    return problem === undefined ? fine(value) : bad(`${problem}: /tmp/glasspod-${uid} takes its place`)
  },
})

export const SESSION_PROBES: readonly Probe[] = [MANAGER, RUNTIME, LINGER]
