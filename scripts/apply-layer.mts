/**
 * The project's unpacker by itself: one layer from standard input onto a directory. An ordinary user's ids are those
 * of the user namespace that containers get (subuid(5)); root writes with its own.
 */
import { spawnSync } from 'node:child_process'
import { createReadStream, mkdtempSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { unpackLayer } from '../images/layer/unpack.ts'
import { parseIdMap } from '../runtime/agent/node.ts'
import { applyMarks } from '../runtime/apply-marks.ts'
import { errnoOf, Failure, formatFailure, isFailure } from '../runtime/errors.ts'
import type { ApplyMarks } from '../runtime/kernel/layer-marks.ts'
import { withSbin } from '../runtime/rootless/environment.ts'
import { readIdMap } from '../runtime/rootless/subids.ts'

const USAGE = 'usage: scripts/apply-layer ROOTDIR < layer.tar'
/** Set for the program that runs inside the user namespace. */
const INSIDE = 'GLASSPOD_APPLY_LAYER'
const MIB = 1024 * 1024

const directoryOf = (path: string): string => {
  try {
    const real = realpathSync(path)
    if (statSync(real).isDirectory()) return real
  } catch (error) {
    throw new Failure(`${path}: ${errnoOf(error) ?? String(error)}`, { id: 'layer.root', try: `mkdir -p ${path}` })
  }
  throw new Failure(`${path} is not a directory`, { id: 'layer.root' })
}

/** The same program once more, as "root" of a user namespace. @returns its exit code. */
const runInside = (): number => {
  const { uid, username } = userInfo()
  const path = withSbin(process.env['PATH'])
  const { arguments: map, warning } = readIdMap({ uid, user: username }, path)
  if (warning !== undefined) console.error(`warning: ${warning}`)
  const { status, error } = spawnSync('unshare', [...map, '--', process.execPath, ...process.argv.slice(1)], {
    stdio: 'inherit',
    env: { ...process.env, PATH: path, [INSIDE]: '1' },
  })
  if (error !== undefined)
    throw new Failure(`start unshare: ${errnoOf(error) ?? error.message}`, { id: 'process.spawn' })
  return status ?? 125
}

const apply = async (directory: string): Promise<void> => {
  let work: string | undefined
  const makeMarks: ApplyMarks = (marks) => applyMarks(marks, (work ??= mkdtempSync(join(tmpdir(), 'gp-apply-'))))
  const readMap = (kind: 'uid' | 'gid'): number => parseIdMap(readFileSync(`/proc/self/${kind}_map`, 'utf8'))
  try {
    const { placeholders, squashed } = await unpackLayer(
      createReadStream('', { fd: 0, highWaterMark: MIB }),
      directory,
      { form: 'tree', applyMarks: makeMarks, idLimit: Math.min(readMap('uid'), readMap('gid')) },
    )
    if (placeholders > 0) console.error(`note: ${placeholders} devices are empty files: a container has its own /dev`)
    if (squashed > 0) console.error(`note: ${squashed} entries became root's: there is one id only`)
  } finally {
    if (work !== undefined) rmSync(work, { recursive: true, force: true })
  }
}

const [root, ...more] = process.argv.slice(2)
try {
  if (root === undefined || more.length > 0 || root.startsWith('-')) {
    console.error(USAGE)
    process.exitCode = root === '--help' || root === '-h' ? 0 : 125
  } else if (process.geteuid?.() !== 0 && process.env[INSIDE] === undefined) {
    directoryOf(root)
    process.exitCode = runInside()
  } else {
    await apply(directoryOf(root))
  }
} catch (error) {
  const errno = errnoOf(error)
  const failure = isFailure(error) || errno === undefined ? error : new Failure(`${root}: ${errno}`)
  if (!isFailure(failure)) throw error
  console.error(formatFailure(failure.message, failure.facts))
  process.exitCode = 125
}
