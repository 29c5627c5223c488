import { expect, test } from 'vitest'
import { classify, parsePss } from '../../../scripts/bench-parts/memory.ts'
import { BEGIN, END, judge, renderMarkdown, replaceSection } from '../../../scripts/bench-parts/report.ts'
import { CommandFailure, interleave, summarize, type Contestant } from '../../../scripts/bench-parts/timing.ts'

const contestant = (name: string): Contestant => ({ name, env: { PATH: '/bin:/usr/bin' }, errors: '/dev/null' })

test('a series becomes its median, least, most and count', () => {
  expect(summarize([9, 1, 5])).toEqual({ median: 5, min: 1, max: 9, n: 3 })
  expect(summarize([4, 1, 10, 2])).toEqual({ median: 3, min: 1, max: 10, n: 4 })
})

test('runs take turns, and who fails in the warm-up is left out and told of', async () => {
  const told: string[] = []
  const jobs = [
    { contestant: contestant('works'), timed: [['true']] },
    { contestant: contestant('fails'), timed: [['false']] },
  ]
  const times = await interleave(jobs, { rounds: 2, warmups: 1 }, (sentence) => told.push(sentence))
  expect([...times.keys()]).toEqual(['works'])
  expect(times.get('works')?.n).toBe(2)
  expect(told).toEqual(['fails is left out: false : ended by exit code 1: '])
})

test('a failure after the warm-up is an error of the whole', async () => {
  const jobs = [{ contestant: contestant('fails'), timed: [['false']] }]
  await expect(interleave(jobs, { rounds: 1, warmups: 0 }, () => undefined)).rejects.toThrow(CommandFailure)
})

test('a goal is judged by the medians', () => {
  const at = (median: number) => ({ median, min: median, max: median, n: 1 })
  const row = (ours: number) => ({
    title: 'a row',
    goal: { share: 1 / 2, of: 'podman' as const },
    times: new Map([
      ['glasspod', at(ours)],
      ['podman', at(100)],
    ]),
  })
  expect(judge(row(50))).toEqual(['0.50 podman', '<= 1/2 podman', 'met'])
  expect(judge(row(51))).toEqual(['0.51 podman', '<= 1/2 podman', '**missed**'])
  expect(judge({ ...row(50), times: new Map() })).toEqual(['-', '<= 1/2 podman', '-'])
})

test.each([
  ['agent', '/usr/bin/node /w/glasspod/root/lib/current/agent.cjs --root /w/glasspod/root'],
  ['uplink', '/usr/bin/slirp4netns --api-socket=/w/run-glasspod/x/slirp4netns.sock 12 tap0'],
  ['uplink', '/w/run-glasspod/x/net-holder'],
  ['agent', './spawner', '/w/run-glasspod/x/spawner (deleted)'],
  ['holder', '/w/glasspod/root/lib/.holder.12'],
  ['holder', 'catatonit -P'],
  ['container', '/w/glasspod/root/pods/1/pause'],
  ['container', './init', '/w/glasspod/root/containers/1/init'],
  [undefined, 'sleep 100000'],
  [undefined, '/usr/bin/node /elsewhere/lib/current/agent.cjs --root /elsewhere'],
])('%s: %s', (share, line, exe = '/bin/x') => {
  expect(classify({ pid: 1, argv: line.split(' '), exe }, '/w/glasspod', '/w/run-glasspod')).toBe(share)
})

test('PSS is read from smaps_rollup, and its absence is an error', () => {
  expect(parsePss('Rss:      20 kB\nPss:      12 kB\nPss_Dirty:   8 kB\n')).toBe(12)
  expect(() => parsePss('')).toThrow('no line Pss')
})

test('only the results section of the document changes, and writing it twice is writing it once', () => {
  const document = `# Title\n\n${BEGIN}\n\nold\n\n${END}\n\nText.\n`
  const section = renderMarkdown({ machine: ['a machine'], rows: [], memory: [] })
  const written = replaceSection(document, section)
  expect(written).toContain('- a machine')
  expect(written).not.toContain('old')
  expect(written.endsWith(`${END}\n\nText.\n`)).toBe(true)
  expect(replaceSection(written, section)).toBe(written)
  expect(() => replaceSection('# Title\n', section)).toThrow('no section')
})
