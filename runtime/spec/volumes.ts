/** `-v SOURCE:DESTINATION[:OPTIONS]` and `--tmpfs PATH[:OPTIONS]`, as Docker and Podman write them. */
import { Failure } from '../errors.ts'
import type { OciMount } from './oci.ts'

const invalid = (sentence: string, advice?: string) =>
  new Failure(sentence, { id: 'volumes.spec', try: advice, exitCode: 125, status: 400 })

const BIND_OPTIONS = new Set(['ro', 'rw', 'nosuid', 'nodev', 'noexec', 'rbind', 'bind'])
const TMPFS_OPTIONS =
  /^(?:ro|rw|nosuid|nodev|noexec|exec|suid|dev|size=\d+[kmgKMG%]?|mode=[0-7]{3,4}|uid=\d+|gid=\d+|nr_inodes=\d+[kmgKMG]?)$/

const checkDestination = (destination: string, whole: string): string => {
  if (!destination.startsWith('/'))
    throw invalid(`invalid volume '${whole}': '${destination}' is not an absolute path in the container`)
  const clean = `/${destination
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/')}`
  if (clean === '/') throw invalid(`invalid volume '${whole}': destination can't be '/'`)
  if (clean.split('/').includes('..')) throw invalid(`invalid volume '${whole}': '..' in the destination`)
  return clean
}

/** What lxcfs(1) stands in for; with these runc allows a mount below /proc too. */
const IN_PROC = [
  ...['cpuinfo', 'diskstats', 'loadavg', 'meminfo', 'net/dev', 'slabinfo', 'stat', 'swaps', 'uptime'],
  ...['sys/crypto/fips_enabled', 'sys/kernel/ns_last_pid'],
].map((name) => `/proc/${name}`)

/** As runc has it (checkProcMount): what covers a part of /proc would uncover what is masked there. */
const refuseInProc = (destination: string, source: string): void => {
  const isProc = destination === '/proc'
  if (!isProc && !destination.startsWith('/proc/')) return
  if (IN_PROC.includes(destination) || (isProc && source === '/proc')) return
  throw new Failure(`${destination} cannot be mounted because it is ${isProc ? 'not of type proc' : 'inside /proc'}`, {
    id: 'volumes.proc',
    why: 'each container has a /proc of its own, part of which is read-only or hidden',
    try: 'another destination',
    see: 'proc(5)',
    exitCode: 125,
    status: 400,
  })
}

export const parseVolume = (whole: string): OciMount => {
  const [source = '', destination, optionText = '', ...rest] = whole.split(':')
  if (destination === undefined || source === '' || rest.length > 0)
    throw invalid(`invalid volume '${whole}'`, 'write SOURCE:DESTINATION[:ro], both absolute paths')
  if (!source.startsWith('/'))
    throw invalid(
      `volume '${source}' is a name, and named volumes are not supported`,
      `a path: -v $PWD/${source}:${destination}`,
    )
  const options = optionText.split(',').filter((option) => option !== '')
  const unknown = options.find((option) => !BIND_OPTIONS.has(option))
  if (unknown !== undefined)
    throw invalid(`invalid volume '${whole}': unknown option ${unknown}`, `one of ${[...BIND_OPTIONS].join(', ')}`)
  if (options.includes('ro') && options.includes('rw')) throw invalid(`invalid volume '${whole}': both ro and rw`)
  const clean = checkDestination(destination, whole)
  refuseInProc(clean, source)
  return { destination: clean, type: 'bind', source, options: ['rbind', ...options] }
}

/** Docker's defaults: nothing on it is executed or setuid, and it is empty at each start. */
export const parseTmpfs = (path: string, text: string): OciMount => {
  const options = text.split(',').filter((option) => option !== '')
  const unknown = options.find((option) => !TMPFS_OPTIONS.test(option))
  if (unknown !== undefined)
    throw invalid(`invalid tmpfs option ${unknown} for ${path}`, 'size=64m, mode=1777, ro, exec')
  const clean = checkDestination(path, path)
  refuseInProc(clean, 'tmpfs')
  const has = (name: string) => options.includes(name)
  const defaults = [
    ...(has('suid') ? [] : ['nosuid']),
    ...(has('dev') ? [] : ['nodev']),
    ...(has('exec') ? [] : ['noexec']),
    ...(options.some((option) => option.startsWith('mode=')) ? [] : ['mode=1777']),
  ]
  return {
    destination: clean,
    type: 'tmpfs',
    source: 'tmpfs',
    options: [...new Set([...defaults, ...options])],
  }
}
