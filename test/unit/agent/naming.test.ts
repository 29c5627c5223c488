import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkName, findByWord, inventName, newId, unknownThing } from '../../../runtime/agent/naming.ts'
import { refusal } from '../kernel/refusal.ts'

const ab = 'ab'.repeat(32)
const ac = `ac${'0'.repeat(62)}`
const things = [
  { id: ab, name: 'web' },
  { id: ac, name: 'db' },
  { id: '1'.repeat(64), name: 'ac0' },
]

describe('an id', () => {
  it('is 256 random bits, in hexadecimal', () => {
    expect(newId()).toMatch(/^[0-9a-f]{64}$/)
    expect(newId()).not.toBe(newId())
  })
})

describe('a name', () => {
  it.each(['a', 'A9', 'web_1.2-x', 'a'.repeat(128)])('may be %s', (name) => expect(checkName(name)).toBe(name))

  it.each(['', '-a', '.', '..', '../x', 'a/b', 'a b', 'é', 'a\n', 'a\0', '_a', 'a'.repeat(129)])(
    'may not be %j',
    (name) => expect(refusal(() => checkName(name))).toBe(`invalid name '${name}'`),
  )

  it('never leads out of the directory that it names', () => {
    fc.assert(
      fc.property(fc.string(), (name) => {
        try {
          checkName(name)
        } catch {
          return
        }
        expect(new URL(name, 'file:///x/').pathname).toBe(`/x/${name}`)
      }),
    )
  })

  it('is invented until nobody has it', () => {
    const taken = new Set<string>()
    for (let count = 0; count < 1000; count++) taken.add(checkName(inventName((name) => taken.has(name))))
    expect(taken.size).toBe(1000)
  })
})

describe('a user’s word', () => {
  it.each([
    ['web', 'web'],
    [ab, 'web'],
    ['ab', 'web'],
    ['ac0000', 'db'],
    ['ac0', 'ac0'],
    ['1', 'ac0'],
  ])('%s means %s', (word, name) => expect(findByWord(things, word)?.name).toBe(name))

  it.each(['', 'we', 'b', 'AB', `${ab}0`, 'ab*'])('%j means nothing', (word) =>
    expect(findByWord(things, word)).toBe(undefined),
  )

  it('that several ids begin with means none of them', () => {
    expect(refusal(() => findByWord(things, 'a'))).toBe('a is the beginning of 2 ids')
  })

  it('means an id before a name, whichever is older', () => {
    const impostor = { id: '2'.repeat(64), name: ab }
    expect(findByWord([impostor, ...things], ab)?.name).toBe('web')
  })

  it('that means nothing is answered with a way to see what there is', () => {
    expect(unknownThing('pod', 'x')).toMatchObject({
      message: 'no such pod: x',
      facts: { id: 'pod.unknown', status: 404 },
    })
    expect(unknownThing('exec instance', 'y').facts.id).toBe('exec.unknown')
  })
})
