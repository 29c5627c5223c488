/**
 * A limit is enforced or refused, never dropped: whether its controller is here, and whether the kernel takes its value,
 * is asked before anything is made; in a directory that is made for the question and gone with it.
 */
import { mkdirSync, rmdirSync } from 'node:fs'
import { errnoOf, Failure } from '../../errors.ts'
import type { LimitLine } from '../../plan/limits.ts'
import { readHandedDown, readLack } from './controllers.ts'
import { readText, writeText } from './files.ts'

const REASON: Record<string, string> = {
  ENOENT: 'this kernel has no such file',
  EACCES: 'this file cannot be written',
  EINVAL: 'the kernel does not take this value',
  ERANGE: 'the kernel does not take this number',
  ENODEV: 'there is no such device, or it is not one that can be limited',
  EOPNOTSUPP: 'the kernel cannot do this here',
}

const refuseValue = ({ file, value }: LimitLine, error: unknown): Failure => {
  const errno = errnoOf(error) ?? String(error)
  return new Failure(`${file} = ${value} is refused by the kernel: ${errno}`, {
    id: `cgroups.${file}`,
    why: REASON[errno],
    see: 'cgroups(7), Documentation/admin-guide/cgroup-v2.rst',
    exitCode: 125,
    status: 400,
  })
}

/** Every line in its order; what was written before one that is refused stays. Failure `cgroups.FILE`. */
const writeLimits = (directory: string, lines: readonly LimitLine[]): void => {
  for (const line of lines)
    try {
      writeText(`${directory}/${line.file}`, line.value)
    } catch (error) {
      throw refuseValue(line, error)
    }
}

/** What else can be done is read behind the command, as all that is none. */
const withoutLimit = (remedy: string): string => `${remedy}${remedy.includes('# ') ? ';' : '  #'} or without the limit`

const refuseController = (line: LimitLine, directory: string | undefined, reason: string | undefined): Failure => {
  const lack = directory === undefined ? undefined : readLack(line.controller, directory)
  return new Failure(`${line.file} = ${line.value} cannot be enforced here`, {
    id: `cgroups.${line.controller}`,
    why: `a limit needs the ${line.controller} controller of cgroup v2 in a directory of ours`,
    found: lack?.found ?? reason ?? 'no cgroup directory is delegated to this user',
    try: withoutLimit(lack?.try ?? '# in a session of systemd with Delegate=yes'),
    see: 'cgroups(7), systemd.resource-control(5), docs/troubleshooting.md',
    exitCode: 125,
    status: 400,
  })
}

/**
 * `directory`: the node's, which hands its controllers down to pods and containers; none: for that reason. Failure
 * `cgroups.CONTROLLER` where it is missing, with who has it; `cgroups.FILE` for a value that the kernel refuses.
 */
export const checkLimits = (directory: string | undefined, lines: readonly LimitLine[], reason?: string): void => {
  if (lines.length === 0) return
  const available = directory === undefined ? [] : readHandedDown(directory)
  const missing = lines.find(({ controller }) => !available.includes(controller))
  if (missing !== undefined || directory === undefined) throw refuseController(missing ?? lines[0]!, directory, reason)
  const trial = `${directory}/trial`
  mkdirSync(trial, { recursive: true })
  try {
    writeLimits(trial, lines)
  } finally {
    rmdirSync(trial)
  }
}

const DEVICE_MAX = 'rbps=max wbps=max riops=max wiops=max'

/** What takes a line back: the file's value as it is; of io.max the line of the device. */
export const readBefore = (directory: string, { file, value }: LimitLine): string => {
  const text = readText(`${directory}/${file}`) ?? ''
  if (file !== 'io.max') return text
  const [device = ''] = value.split(' ')
  return text.split('\n').find((line) => line.startsWith(`${device} `)) ?? `${device} ${DEVICE_MAX}`
}
