import { describe, expect, it } from 'vitest'
import type { Agent } from '../../../runtime/agent/agent.ts'
import { matchesFilters, parseFilters } from '../../../runtime/agent/api/filters.ts'
import { Container } from '../../../runtime/agent/containers.ts'
import type { ContainerRecord, PodRecord } from '../../../runtime/agent/records.ts'
import { refusal } from '../kernel/refusal.ts'

const record: ContainerRecord = {
  id: `ab${'0'.repeat(62)}`,
  name: 'web-1',
  podId: 'p1',
  image: { id: `sha256:${'c'.repeat(64)}`, name: 'busybox:1', diffIds: [] },
  created: '',
  body: { Labels: { app: 'web', tier: '', equation: 'a=b' } },
  status: 'exited',
  exitCode: 3,
  logStart: 0,
  restarts: 0,
}
const pod = { id: 'p1', name: 'shop', implicit: false } as PodRecord
// Only its pods are looked at, and whether the container is paused.
const agentWith = (record: PodRecord, paused = false) =>
  ({ pods: { all: new Map([[record.id, record]]) }, leaves: { isPaused: () => paused } }) as unknown as Agent
const matches = (filters: unknown, agent = agentWith(pod)) =>
  matchesFilters(agent, new Container(record, '/none'), parseFilters(JSON.stringify(filters)))

describe('filters', () => {
  it('know a paused container as paused, and as nothing else', () => {
    expect(matches({ status: ['paused'] }, agentWith(pod, true))).toBe(true)
    expect(matches({ status: ['exited'] }, agentWith(pod, true))).toBe(false)
  })

  it('are lists of words, or an older client’s flags', () => {
    expect(parseFilters('{"name":["web"],"status":["running","exited"]}')).toEqual(
      new Map([
        ['name', ['web']],
        ['status', ['running', 'exited']],
      ]),
    )
    expect(parseFilters('{"name":{"web":true}}')).toEqual(new Map([['name', ['web']]]))
    expect(parseFilters(null)).toEqual(new Map())
    expect(parseFilters('')).toEqual(new Map())
  })

  it.each([
    ['{', 'the filters are not JSON'],
    ['null', 'the filters are not a JSON object'],
    ['"name"', 'the filters are not a JSON object'],
    ['{"nmae":["x"]}', "invalid filter 'nmae'"],
    ['{"__proto__":["x"]}', "invalid filter '__proto__'"],
    ['["name"]', "invalid filter '0'"],
  ])('may not be %s', (text, message) => expect(refusal(() => parseFilters(text))).toBe(message))

  it.each([
    [{}],
    [{ name: ['web'] }],
    [{ name: ['/web-1'] }],
    [{ name: ['nothing', 'eb-'] }],
    [{ id: ['ab0'] }],
    [{ status: ['exited'] }],
    [{ status: ['running', 'exited'] }],
    [{ exited: ['3'] }],
    [{ ancestor: ['busybox:1'] }],
    [{ ancestor: ['c'.repeat(12)] }],
    [{ ancestor: [`sha256:${'c'.repeat(64)}`] }],
    [{ label: ['app'] }],
    [{ label: ['app=web'] }],
    [{ label: ['tier='] }],
    [{ label: ['equation=a=b'] }],
    [{ label: ['app', 'tier'] }],
    [{ pod: ['shop'] }],
    [{ pod: ['p1'] }],
    [{ name: ['web'], status: ['exited'] }],
  ])('%j match', (filters) => expect(matches(filters)).toBe(true))

  it.each([
    [{ name: ['db'] }],
    [{ id: ['b0'] }],
    [{ status: ['running'] }],
    [{ exited: ['0'] }],
    [{ ancestor: ['busybox:2'] }],
    [{ label: ['ap'] }],
    [{ label: ['app=we'] }],
    [{ label: ['app', 'none'] }],
    [{ pod: ['sho'] }],
    [{ name: ['web'], status: ['running'] }],
  ])('%j do not match', (filters) => expect(matches(filters)).toBe(false))

  it('know nothing of a pod that was made for one container', () => {
    expect(matches({ pod: ['shop'] }, agentWith({ ...pod, implicit: true }))).toBe(false)
  })

  it('with no word ask for nothing', () => {
    expect(matches({ name: [] })).toBe(true)
    expect(matches({ name: null })).toBe(true)
  })

  it.each([[{ ancestor: ['c0'.slice(0, 1)] }], [{ ancestor: ['sha256'] }], [{ ancestor: [''] }]])(
    '%j is not an image',
    (filters) => expect(matches({ ...filters, id: ['ab'] })).toBe(false),
  )

  it('know the labels that were given, and no others', () => {
    expect(matches({ label: ['constructor'] })).toBe(false)
  })

  it.each([[{ name: 'web' }], [{ status: ['exitde'] }], [{ exited: ['three'] }]])('%j is refused', (filters) =>
    expect(refusal(() => parseFilters(JSON.stringify(filters)))).toContain('invalid filter'),
  )
})
