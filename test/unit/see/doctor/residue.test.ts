/** What doctor tells to remove is removed whole by a shell, and nothing else is: whatever paths are called. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { describeLack } from '../../../../runtime/kernel/cgroups/controllers.ts'
import { examine } from '../../../../runtime/see/doctor/examine.ts'
import { readHost } from '../../../../runtime/see/doctor/host.ts'
import { bad, type Probe } from '../../../../runtime/see/doctor/probe.ts'
import { FILES } from '../../../../runtime/see/doctor/residue.ts'
import { EXECUTION } from '../../../../runtime/see/doctor/root.ts'
import { useDirectory } from '../../agent/temporary.ts'

const directory = useDirectory()

/** As if an examination had been killed an hour ago. */
const makeOld = (path: string) => {
  mkdirSync(path, { recursive: true })
  const then = Date.now() / 1000 - 3600
  utimesSync(path, then, then)
}

const find = async (root: string, uid?: number) => {
  const host = { ...readHost({ root, byRoot: false }), ...(uid === undefined ? {} : { uid }) }
  const verdict = FILES.judge(await FILES.read(host))
  return verdict.is === 'bad' ? (verdict.leftovers ?? []) : []
}

/** The words that a shell makes of a command. */
const wordsOf = (command: string): string[] =>
  execFileSync('sh', ['-c', `set -- ${command}\nprintf '%s\\n' "$@"`], { encoding: 'utf8' })
    .split('\n')
    .slice(0, -1)

const ODD = "it's $& a `root`; touch x"

describe('residue.files', () => {
  it('offers what mkdtemp(3) made, not what somebody called alike, and of nobody else', async () => {
    const parent = directory.fresh()
    for (const name of ['.glasspod-doctor-a;touch x', '.glasspod-doctor-abcdefg', '.glasspod-doctor-Ab12cd'])
      makeOld(`${parent}/${name}`)
    const scratch = `${parent}/.glasspod-doctor-Ab12cd`
    expect(await find(`${parent}/root`)).toEqual([{ what: scratch, remove: `rm -r ${scratch}` }])
    expect(await find(`${parent}/root`, 4242)).toEqual([])
  })

  it('has a root directory of any name whole in its command, which removes it and no more', async () => {
    const root = `${directory.fresh()}/${ODD}`
    makeOld(`${root}/.glasspod-doctor-Ab12cd`)
    writeFileSync(`${root}/kept`, '')
    const [{ what, remove } = { what: '', remove: '' }, ...others] = await find(root)
    expect(others).toEqual([])
    expect(what).toBe(`${root}/.glasspod-doctor-Ab12cd`)
    expect(wordsOf(remove)).toEqual(['rm', '-r', what])
    execFileSync('sh', ['-n', '-c', remove])
    execFileSync('sh', ['-c', remove], { cwd: root })
    expect(existsSync(what)).toBe(false)
    expect(existsSync(`${root}/kept`)).toBe(true)
    expect(existsSync(`${root}/x`)).toBe(false)
  })
})

describe('a remedy', () => {
  it('has the mount point whole that is mounted noexec', () => {
    const mount = { type: 'ext4', point: `/mnt/${ODD}`, options: ['noexec'] }
    const verdict = EXECUTION.judge({ mount, ended: { code: 126, said: 'Permission denied', printed: '' } })
    const words = wordsOf(verdict.is === 'bad' ? (verdict.try ?? '') : '')
    expect(words).toEqual(['sudo', 'mount', '-o', 'remount,exec', mount.point])
  })

  it('has the root directory whole where it stands for ROOT', async () => {
    const probe: Probe = {
      id: 'x',
      group: 'kernel',
      severity: 'note',
      title: 't',
      why: 'w',
      see: 's',
      advice: 'ls ROOT/x',
      read: () => undefined,
      judge: () => bad('x'),
    }
    const [finding] = await examine([probe], readHost({ root: `/${ODD}`, byRoot: false }))
    expect(wordsOf(finding?.try ?? '')).toEqual(['ls', `/${ODD}/x`])
  })

  it('has the cgroup directory whole that hands a controller down', () => {
    const chain = [{ directory: `/cg/${ODD}`, available: ['memory'], handedDown: [] }]
    const facts = { mounts: { version1: [], version2: ['/cg'] }, cgroups: '', own: '0::/\n', chain }
    const [, remedy = ''] = describeLack({ controller: 'memory', ...facts }).try.split(' | ')
    expect(wordsOf(remedy)).toEqual(['sudo', 'tee', `/cg/${ODD}/cgroup.subtree_control`])
  })
})
