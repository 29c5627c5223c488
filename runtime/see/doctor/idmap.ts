/** The id map as the node gets it (user_namespaces(7)), and whether this user is one that the machine knows. */
import { userInfo } from 'node:os'
import { selectEnvironment } from '../../rootless/environment.ts'
import type { Ended } from '../../rootless/run-program.ts'
import { readIdMap, type IdMap } from '../../rootless/subids.ts'
import { attempt, describeEnd, readText, type Host } from './host.ts'
import { bad, defineProbe, fine, unasked, type Probe } from './probe.ts'

export const KNOWN_USER = defineProbe<{ uid: number; user: string | undefined; home: string }>({
  id: 'rootless.user',
  group: 'ids',
  severity: 'blocker',
  title: 'the user has a name',
  why: 'Ranges of ids are found by the name of the user; a uid that no passwd(5) or NSS source knows has none.',
  advice: 'getent passwd $(id -u)  # run glasspod as a user that this machine knows',
  see: 'passwd(5), nsswitch.conf(5)',
  read: ({ uid, user, home }) => ({ uid, user, home }),
  judge: ({ uid, user }) => (user === undefined ? bad(`uid ${uid} has no name here`) : fine(`uid ${uid} is ${user}`)),
})

/** Arguments of unshare(1) with the map that the node has; one id only where more cannot be had. */
export const readMap = ({ uid, user, env }: Pick<Host, 'uid' | 'user' | 'env'>): IdMap =>
  readIdMap({ uid, user: user ?? userInfo().username }, selectEnvironment(env, true)['PATH'] ?? '')

interface Mapped {
  mappedIds: number
  made: Ended
  /** no_new_privs of this process (prctl(2)): then no setuid bit counts. */
  noNewPrivileges: boolean
}

export const MAP = defineProbe<Mapped>({
  id: 'ids.map',
  group: 'ids',
  severity: 'blocker',
  title: 'the range can be mapped into a user namespace',
  why: 'Range and programs may be there and the map still be refused: nosuid mounts, no_new_privs, a range in conflict.',
  advice: 'unshare --user --map-root-user --map-auto cat /proc/self/uid_map; sudo apt-get install --reinstall uidmap',
  see: 'newuidmap(1), user_namespaces(7)',
  needs: ['userns.create', 'rootless.user'],
  read: async (host) => {
    const { arguments: map, mappedIds } = readMap(host)
    return {
      mappedIds,
      made: await attempt(['unshare', ...map, 'cat', '/proc/self/uid_map'], host),
      noNewPrivileges: /^NoNewPrivs:\s*1/m.test(readText('/proc/self/status') ?? ''),
    }
  },
  judge({ mappedIds, made, noNewPrivileges }) {
    if (mappedIds === 1) return unasked('there is no range to map')
    if (made.code === 0) return fine(`${mappedIds} ids are mapped: ${made.printed.split('\n').map(squeeze).join(', ')}`)
    const found = `unshare --map-auto: ${describeEnd(made)}`
    return noNewPrivileges
      ? bad(`${found}; this process has no_new_privs, so newuidmap(1) has no privilege`, {
          try: '# outside of the sandbox or service that sets it (NoNewPrivileges= of systemd, --security-opt of a container)',
        })
      : bad(found)
  },
})

const squeeze = (line: string): string => line.trim().replace(/\s+/g, ' ')

export const IDMAP_PROBES: readonly Probe[] = [KNOWN_USER, MAP]
