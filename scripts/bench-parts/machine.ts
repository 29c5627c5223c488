/** What it was measured on. No host names: the file is published. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { availableParallelism, release, totalmem } from 'node:os'

const firstLine = (file: string, ...args: string[]): string =>
  execFileSync(file, args, { encoding: 'utf8' }).split('\n')[0]?.trim() ?? ''

/** `podman version 4.3.1` */
const versionOf = (program: string): string => firstLine(program, '--version').replace(' version', '')

const readModel = (): string =>
  /^model name\s*: (.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]?.replace(/\((R|TM)\)/g, '') ?? process.arch

const readSystem = (): string =>
  existsSync('/etc/os-release')
    ? (/^PRETTY_NAME="?(.*?)"?$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'Linux')
    : 'Linux'

/** Neither can be given a cgroup where none of version 2 is to be seen. */
const readCgroups = (): string =>
  /^0::\//m.test(readFileSync('/proc/self/cgroup', 'utf8')) &&
  / - cgroup2 /m.test(readFileSync('/proc/self/mountinfo', 'utf8'))
    ? 'cgroup v2'
    : 'no cgroups for either side (crun refuses a hierarchy that mixes v1 and v2, so v2 is hidden from both)'

export const describeMachine = (work: string): string[] => [
  `${availableParallelism()} cores (${readModel()}), ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, ${readSystem()}`,
  `node ${process.version}, ${versionOf('podman')} (rootless; overlay of the kernel; \`--network bridge\` is netavark with slirp4netns), ${versionOf('crun')}`,
  `all files on ${firstLine('findmnt', '--noheadings', '--output', 'FSTYPE', '--target', work)}; ${readCgroups()}`,
]
