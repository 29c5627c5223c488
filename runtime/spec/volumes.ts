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
  return { destination: checkDestination(destination, whole), type: 'bind', source, options: ['rbind', ...options] }
}

/** Docker's defaults: nothing on it is executed or setuid, and it is empty at each start. */
export const parseTmpfs = (path: string, text: string): OciMount => {
  const options = text.split(',').filter((option) => option !== '')
  const unknown = options.find((option) => !TMPFS_OPTIONS.test(option))
  if (unknown !== undefined)
    throw invalid(`invalid tmpfs option ${unknown} for ${path}`, 'size=64m, mode=1777, ro, exec')
  const has = (name: string) => options.includes(name)
  const defaults = [
    ...(has('suid') ? [] : ['nosuid']),
    ...(has('dev') ? [] : ['nodev']),
    ...(has('exec') ? [] : ['noexec']),
    ...(options.some((option) => option.startsWith('mode=')) ? [] : ['mode=1777']),
  ]
  return {
    destination: checkDestination(path, path),
    type: 'tmpfs',
    source: 'tmpfs',
    options: [...new Set([...defaults, ...options])],
  }
}
