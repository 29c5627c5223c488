/** What runs out: watches, processes, files, memory (getrlimit(2), inotify(7)). */
import { watch } from 'node:fs'
import { listChain, parseCgroupMount, parseOwnCgroup } from '../../rootless/cgroup-delegation.ts'
import { errnoOf } from '../../errors.ts'
import { readSysctl, readText } from './host.ts'
import { bad, defineProbe, fine, unasked, type Probe } from './probe.ts'

interface Watches {
  /** Errno of making one watch more; undefined: it worked. */
  errno: string | undefined
  instances: string | undefined
  watches: string | undefined
}

export const INOTIFY = defineProbe<Watches>({
  id: 'limits.inotify',
  group: 'limits',
  severity: 'note',
  title: 'files can be watched',
  why:
    'The agent watches files, and so do many programs in containers: tail -f, editors, web servers. All containers ' +
    'share the limits of the user, and "too many open files" then means these.',
  advice: 'sudo sysctl -w fs.inotify.max_user_instances=512 fs.inotify.max_user_watches=524288',
  see: 'inotify(7)',
  read() {
    const sysctls = {
      instances: readSysctl('fs.inotify.max_user_instances'),
      watches: readSysctl('fs.inotify.max_user_watches'),
    }
    try {
      watch('/').close()
      return { ...sysctls, errno: undefined }
    } catch (error) {
      return { ...sysctls, errno: errnoOf(error) ?? String(error) }
    }
  },
  judge({ errno, instances, watches }) {
    const found = `${instances ?? '?'} instances and ${watches ?? '?'} watches a user`
    if (errno !== undefined) return bad(`${errno}: the ${found} are used up`, { severity: 'warning' })
    return Number(instances) < 256 || Number(watches) < 32_768 ? bad(found) : fine(found)
  },
})

interface Processes {
  /** Soft limit of processes of the user ("Max processes"), `unlimited` or a number. */
  limit: string | undefined
  pidMax: string | undefined
  /** The least pids.max of our cgroup and those above, with where it is. */
  cgroup: { directory: string; free: number } | undefined
}

const FEW = 200

const readCgroup = (): Processes['cgroup'] => {
  const mount = parseCgroupMount(readText('/proc/self/mountinfo') ?? '')
  const own = parseOwnCgroup(readText('/proc/self/cgroup') ?? '')
  const chain = mount === undefined || own === undefined ? [] : listChain(mount, own)
  return chain
    .flatMap((directory) => {
      const [max, current] = ['max', 'current'].map((file) => Number(readText(`${directory}/pids.${file}`) ?? 'none'))
      return Number.isFinite(max) ? [{ directory, free: (max ?? 0) - (current ?? 0) }] : []
    })
    .sort((one, other) => one.free - other.free)[0]
}

/** A row of /proc/self/limits (proc(5)): its soft limit. */
export const parseSoftLimit = (text: string, name: string): string | undefined =>
  new RegExp(`^${name} +(\\S+)`, 'm').exec(text)?.[1]

const readLimit = (name: string): string | undefined => parseSoftLimit(readText('/proc/self/limits') ?? '', name)

const MORE_PROCESSES = "echo '* - nproc 65536' | sudo tee /etc/security/limits.d/nproc.conf"

export const PROCESSES = defineProbe<Processes>({
  id: 'limits.processes',
  group: 'limits',
  severity: 'warning',
  title: 'there may be more processes',
  why:
    'Processes and threads of all containers count for the user (ulimit -u) and for the cgroups above them; where one ' +
    'is full, fork fails with "Resource temporarily unavailable".',
  advice: 'ulimit -u; sudo systemctl set-property user-$(id -u).slice TasksMax=infinity',
  see: 'getrlimit(2), cgroups(7)',
  read: () => ({ limit: readLimit('Max processes'), pidMax: readSysctl('kernel.pid_max'), cgroup: readCgroup() }),
  judge({ limit, pidMax, cgroup }) {
    if (cgroup !== undefined && cgroup.free < FEW) return bad(`${cgroup.directory} has room for ${cgroup.free} more`)
    if (limit !== undefined && limit !== 'unlimited' && Number(limit) < 1024)
      return bad(`ulimit -u is ${limit}`, { try: `ulimit -u 4096; ${MORE_PROCESSES}` })
    return fine(`ulimit -u is ${limit ?? 'unknown'}, kernel.pid_max ${pidMax ?? 'unknown'}`)
  },
})

export const FILES = defineProbe<string | undefined>({
  id: 'limits.files',
  group: 'limits',
  severity: 'warning',
  title: 'enough files can be open',
  why: 'The agent holds a few descriptors for each container, and containers inherit the limit.',
  advice: "ulimit -n 4096; echo '* - nofile 65536' | sudo tee /etc/security/limits.d/nofile.conf",
  see: 'getrlimit(2), limits.conf(5)',
  read: () => readLimit('Max open files'),
  judge(limit) {
    if (limit === undefined) return unasked('no /proc/self/limits')
    return limit !== 'unlimited' && Number(limit) < 1024 ? bad(`ulimit -n is ${limit}`) : fine(`ulimit -n is ${limit}`)
  },
})

export const MEMORY = defineProbe<string>({
  id: 'limits.memory',
  group: 'limits',
  severity: 'warning',
  title: 'there is memory left',
  why: 'The agent takes 50 MB, and where memory runs out the kernel kills whoever has most: exit code 137.',
  advice: 'free -m; ps -eo pid,rss,comm --sort=-rss | head; journalctl -k -g oom',
  see: 'proc_meminfo(5)',
  read: () => readText('/proc/meminfo') ?? '',
  judge(text) {
    const kilobytes = /^MemAvailable:\s+(\d+) kB/m.exec(text)?.[1]
    if (kilobytes === undefined) return unasked('no MemAvailable in /proc/meminfo')
    const megabytes = Math.floor(Number(kilobytes) / 1024)
    return megabytes < 256 ? bad(`${megabytes} MiB are available`) : fine(`${megabytes} MiB are available`)
  },
})

export const LIMIT_PROBES: readonly Probe[] = [INOTIFY, PROCESSES, FILES, MEMORY]
