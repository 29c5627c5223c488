/**
 * `glasspod doctor` on machines with one thing wrong, made in namespaces: each condition is found by its own probe, with
 * its severity and a remedy, and a blocker is an exit code.
 */
import { afterAll, describe, expect, it } from 'vitest'
import { PROBES } from '../../runtime/see/doctor/probes.ts'
import { OF_THE_PLACE } from '../fixtures/conditions/of-the-place.ts'
import { OF_THE_USER } from '../fixtures/conditions/of-the-user.ts'
import { makeSandbox } from '../fixtures/sandbox.ts'

const CONDITIONS = [...OF_THE_USER, ...OF_THE_PLACE]

/** What no namespace can make wrong for an ordinary user, and where else it is, or what it would take. */
const ELSEWHERE: Record<string, string> = {
  'ids.map': 'doctor.test.ts: no_new_privs',
  'residue.processes': 'doctor.test.ts: a node whose directories are gone',
  'kernel.machine': 'a Node.js of another architecture',
  'node.version': 'an older Node.js',
  'root.owners': 'a file server (NFS)',
}

interface Finding {
  id: string
  status: string
  found: string
  try?: string
}

const sandbox = makeSandbox()
afterAll(() => {
  sandbox.end()
})

describe('a machine with', () => {
  it.each(CONDITIONS)('$wrong: $id finds it', async ({ script, id, status, found }) => {
    const args = ['doctor', '--format', 'json', id]
    const { exitCode, stdout, stderr } = await sandbox.glasspod(`rm -rf $dir/root; ${script}`, args)
    expect(stderr).toBe('')
    const [finding] = JSON.parse(stdout) as Finding[]
    expect(finding).toMatchObject({ id, found: expect.stringMatching(found) as string })
    if (!/cannot be read/.test(finding?.found ?? ''))
      expect(finding).toMatchObject({ status, try: expect.any(String) as string })
    expect(exitCode).toBe(finding?.status === 'blocker' ? 1 : 0)
  })
})

it('every condition that doctor knows is made here, or it is said where else', () => {
  const made = new Set(CONDITIONS.map(({ id }) => id))
  const others = PROBES.map(({ id }) => id).filter((id) => !made.has(id))
  expect(others.sort()).toEqual(Object.keys(ELSEWHERE).sort())
})
