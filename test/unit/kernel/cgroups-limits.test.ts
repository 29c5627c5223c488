import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { isFailure } from '../../../runtime/errors.ts'
import { planWrites } from '../../../runtime/agent/update.ts'
import { executeSteps } from '../../../runtime/execute.ts'
import { checkLimits } from '../../../runtime/kernel/cgroups/limits.ts'
import { planLimits } from '../../../runtime/plan/limits.ts'
import { useDirectory } from '../agent/temporary.ts'

const { fresh } = useDirectory()

/** A directory with files of these names, as cgroupfs would have them. */
const fake = (files: Record<string, string>): string => {
  const directory = fresh()
  mkdirSync(directory)
  for (const [name, text] of Object.entries(files)) writeFileSync(`${directory}/${name}`, text)
  return directory
}
const factsOf = (act: () => void) => {
  try {
    act()
  } catch (error) {
    if (isFailure(error)) return { message: error.message, ...error.facts }
    throw error
  }
  return undefined
}
const memory = planLimits({ memory: { limit: 64 } })

describe('a limit', () => {
  it('that is none needs nothing', () => {
    expect(factsOf(() => checkLimits(undefined, []))).toBe(undefined)
  })

  it('is refused by the name of its controller', () => {
    const directory = fake({ 'cgroup.subtree_control': 'hugetlb\n' })
    expect(factsOf(() => checkLimits(directory, memory))).toMatchObject({
      message: 'memory.max = 64 cannot be enforced here',
      id: 'cgroups.memory',
      exitCode: 125,
      found: expect.stringContaining('memory') as string,
    })
    expect(existsSync(`${directory}/trial`)).toBe(false)
  })

  it('is refused without a directory of ours, with the reason', () => {
    expect(factsOf(() => checkLimits(undefined, planLimits({ pids: { limit: 1 } }), 'it is read-only'))).toMatchObject({
      id: 'cgroups.pids',
      found: 'it is read-only',
    })
    expect(factsOf(() => checkLimits(undefined, memory))?.found).toBe('no cgroup directory is delegated to this user')
  })

  it('is not had by a name that another begins with', () => {
    const cpu = planLimits({ cpu: { quota: 1 } })
    expect(factsOf(() => checkLimits(fake({ 'cgroup.subtree_control': 'cpuset' }), cpu))?.id).toBe('cgroups.cpu')
  })

  it('whose file the kernel does not have is refused, and the trial leaves nothing', () => {
    const directory = fake({ 'cgroup.subtree_control': 'memory' })
    expect(factsOf(() => checkLimits(directory, memory))).toMatchObject({
      message: 'memory.max = 64 is refused by the kernel: ENOENT',
      id: 'cgroups.memory.max',
      why: 'this kernel has no such file',
    })
    expect(existsSync(`${directory}/trial`)).toBe(false)
  })
})

describe('a change', () => {
  const read = (path: string) => readFileSync(path, 'utf8')

  it('is made', async () => {
    const directory = fake({ 'memory.max': '32', 'pids.max': '5' })
    const steps = planWrites(directory, planLimits({ memory: { limit: 64 }, pids: { limit: 9 } }))
    await executeSteps(steps, { effects: {} })
    expect([read(`${directory}/memory.max`), read(`${directory}/pids.max`)]).toEqual(['64', '9'])
  })

  it('is taken back as a whole where a part of it is refused', async () => {
    const directory = fake({ 'memory.max': '32', 'io.max': '9:0 rbps=1\n8:0 rbps=5 wbps=max riops=max wiops=max' })
    const lines = planLimits({
      memory: { limit: 64 },
      blockIO: { throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 7 }] },
      unified: { 'none.max': '1' },
    })
    mkdirSync(`${directory}/none.max`)
    const change = executeSteps(planWrites(directory, lines), { effects: {} })
    await expect(change).rejects.toMatchObject({ facts: { id: 'cgroups.none.max' } })
    expect(read(`${directory}/memory.max`)).toBe('32')
    expect(read(`${directory}/io.max`)).toMatch(/^8:0 rbps=5 wbps=max riops=max wiops=max/)
  })
})
