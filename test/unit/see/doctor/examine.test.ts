import { describe, expect, it } from 'vitest'
import { makePaint } from '../../../../runtime/cli/colour.ts'
import { formatFindings } from '../../../../runtime/cli/diagnosis.ts'
import { examine } from '../../../../runtime/see/doctor/examine.ts'
import { readHost } from '../../../../runtime/see/doctor/host.ts'
import { bad, fine, GROUPS, type Probe } from '../../../../runtime/see/doctor/probe.ts'
import { PROBES } from '../../../../runtime/see/doctor/probes.ts'

const host = { ...readHost({ root: '/r', byRoot: false }), user: 'ann' }
const probe = (id: string, more: Partial<Probe> = {}): Probe => ({
  id,
  group: 'kernel',
  severity: 'blocker',
  title: 't',
  why: 'w',
  advice: 'sudo fix USER ROOT/x',
  see: 's',
  read: () => undefined,
  judge: () => fine('good'),
  ...more,
})

describe('examine', () => {
  it('does not ask what needs something that is broken', async () => {
    const asked: string[] = []
    const findings = await examine(
      [
        probe('last', { needs: ['middle'], read: () => asked.push('last') }),
        probe('middle', { needs: ['first'], judge: () => bad('broken') }),
        probe('first'),
      ],
      host,
    )
    expect(findings.map(({ id, status, found }) => [id, status, found])).toEqual([
      ['last', 'unasked', 'only where middle is fine'],
      ['middle', 'blocker', 'broken'],
      ['first', 'fine', 'good'],
    ])
    expect(asked).toEqual([])
  })

  it('asks for who and where it is, unless the probe knows better', async () => {
    const [general, special] = await examine(
      [probe('a', { judge: () => bad('x') }), probe('b', { judge: () => bad('x', { try: 'USER', severity: 'note' }) })],
      host,
    )
    expect(general?.try).toBe('sudo fix ann /r/x')
    expect(special).toMatchObject({ try: 'USER', status: 'note' })
  })

  it('goes on where a probe cannot be asked', async () => {
    const read = () => Promise.reject(new Error('EIO'))
    const [finding] = await examine([probe('a', { read })], host)
    expect(finding).toMatchObject({ status: 'warning', found: 'could not be asked: EIO' })
  })
})

describe('the probes', () => {
  it('have ids of their own, need probes that are there, and belong to a group', () => {
    const ids = PROBES.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    expect(PROBES.flatMap(({ needs = [] }) => needs).filter((id) => !ids.includes(id))).toEqual([])
    expect(new Set(PROBES.map(({ group }) => group))).toEqual(new Set(GROUPS))
  })

  it('say all that a reader needs', () => {
    for (const { id, title, why, advice, see } of PROBES) {
      expect(id).toMatch(/^[a-z]+\.[a-z0-9-]+$/)
      for (const text of [title, why, advice, see]) expect(text.length, `${id}: ${text}`).toBeGreaterThan(4)
      expect(title).not.toMatch(/\.$/)
    }
  })
})

describe('the findings, for people', () => {
  it('what is fine in a line, what is bad with its remedy, one that several share once', () => {
    const finding = { group: 'cgroups', title: '', why: '', see: '' }
    const text = formatFindings(
      [
        { ...finding, id: 'kernel.version', group: 'kernel', status: 'fine', found: 'Linux 6.1' },
        {
          ...finding,
          id: 'cgroups.cpu',
          status: 'warning',
          found: 'the cpu controller is bound to cgroup v1 on this machine',
          try: 'reboot',
        },
        { ...finding, id: 'cgroups.delegation', status: 'fine', found: '/g' },
        { ...finding, id: 'cgroups.memory', status: 'blocker', found: 'it is\x1b gone', try: 'reboot' },
      ],
      makePaint(false),
      false,
    )
    expect(text).toMatchInlineSnapshot(`
      "kernel                         1 fine
      cgroups
        ! cgroups.cpu                the cpu controller is bound to cgroup v1 on this
                                     machine
        ✘ cgroups.memory             it is? gone
            try  reboot

      1 blocker, 1 warning, 0 notes, 2 fine
      glasspod doctor ID says why, and where to read on"
    `)
  })
})
