/** What a container mounts, and what a sandbox around us may forbid (mount_namespaces(7)). */
import { statSync } from 'node:fs'
import { parseMountinfo, type MountEntry } from '../../kernel/mountinfo.ts'
import type { Ended } from '../../rootless/run-program.ts'
import { AS_INNER_ROOT, attempt, describeEnd, readText } from './host.ts'
import { bad, defineProbe, fine, type Probe } from './probe.ts'

interface Fresh {
  ended: Ended
  /** Mount points below /proc or /sys here: what covers something the kernel would not show again. */
  covers: readonly string[]
}

const HARMLESS = /^\/proc\/(sys\/fs\/binfmt_misc|fs\/nfsd)|^\/sys\/(fs|kernel)\//

const listCovers = (below: string): string[] =>
  parseMountinfo(readText('/proc/self/mountinfo') ?? '')
    .map(({ mountPoint }: MountEntry) => mountPoint)
    .filter((point) => point.startsWith(`${below}/`) && !HARMLESS.test(point))

const formatCovers = (covers: readonly string[]): string =>
  covers.length > 3 ? `${covers.slice(0, 3).join(', ')} and ${covers.length - 3} more` : covers.join(', ')

export const PROC = defineProbe<Fresh>({
  id: 'mounts.proc',
  group: 'mounts',
  severity: 'blocker',
  title: 'a new /proc can be mounted',
  why: 'a user namespace may mount a new /proc only while a fully visible one is mounted; in a container parts are covered',
  advice: '# run outside the container you are in; or start that one with --security-opt systempaths=unconfined',
  see: 'proc(5), mount_namespaces(7)',
  needs: ['userns.create', 'userns.capabilities'],
  read: async (host) => ({
    ended: await attempt(
      [...AS_INNER_ROOT, '--mount', '--pid', '--fork', 'mount', '-t', 'proc', 'proc', '/proc'],
      host,
    ),
    covers: listCovers('/proc'),
  }),
  judge({ ended, covers }) {
    if (ended.code === 0) return fine('it was mounted in a new pid namespace')
    const found = `mount -t proc: ${describeEnd(ended)}`
    return covers.length === 0
      ? bad(found)
      : bad(`${found}; covered here: ${formatCovers(covers)}: this is probably a container`)
  },
})

export const SYS = defineProbe<Fresh>({
  id: 'mounts.sys',
  group: 'mounts',
  severity: 'blocker',
  title: 'a new /sys can be mounted',
  why: 'The /sys of a container shows its own network devices; the rule is that of /proc, and the network must be its own.',
  advice: '# run outside the container you are in; or --network host, which binds the /sys of the host',
  see: 'sysfs(5), mount_namespaces(7)',
  needs: ['userns.create', 'userns.capabilities'],
  read: async (host) => ({
    ended: await attempt([...AS_INNER_ROOT, '--mount', '--net', 'mount', '-t', 'sysfs', 'sysfs', '/sys'], host),
    covers: listCovers('/sys'),
  }),
  judge({ ended, covers }) {
    if (ended.code === 0) return fine('it was mounted in a new network namespace')
    const found = `mount -t sysfs: ${describeEnd(ended)}`
    return covers.length === 0 ? bad(found) : bad(`${found}; covered here: ${formatCovers(covers)}`)
  },
})

const DEVICES = ['null', 'zero', 'full', 'random', 'urandom', 'tty']

export const DEVICE_FILES = defineProbe<readonly string[]>({
  id: 'mounts.devices',
  group: 'mounts',
  severity: 'blocker',
  title: '/dev has the six devices that every container gets',
  why: 'A user namespace may not make device nodes, so those of the host are bound into each container.',
  advice: 'ls -l /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty',
  see: 'null(4), random(4), tty(4)',
  read: () =>
    DEVICES.filter((name) => {
      try {
        return !statSync(`/dev/${name}`).isCharacterDevice()
      } catch {
        return true
      }
    }).map((name) => `/dev/${name}`),
  judge: (missing) =>
    missing.length === 0 ? fine(`${DEVICES.join(', ')}`) : bad(`missing, or no device: ${missing.join(', ')}`),
})

export const MOUNT_PROBES: readonly Probe[] = [PROC, SYS, DEVICE_FILES]
