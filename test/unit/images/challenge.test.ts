import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseChallenges } from '../../../images/registry/challenge.ts'

test('the challenge of Docker Hub', () => {
  expect(
    parseChallenges(
      'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/x:pull,push"',
    ),
  ).toEqual([
    {
      scheme: 'bearer',
      parameters: {
        realm: 'https://auth.docker.io/token',
        service: 'registry.docker.io',
        scope: 'repository:library/x:pull,push',
      },
    },
  ])
})

test('several schemes, unquoted values, escapes, a scheme alone', () => {
  expect(parseChallenges('Negotiate, Basic realm="a \\"b\\", c" , BEARER Realm=x ,error = "y"')).toEqual([
    { scheme: 'negotiate', parameters: {} },
    { scheme: 'basic', parameters: { realm: 'a "b", c' } },
    { scheme: 'bearer', parameters: { realm: 'x', error: 'y' } },
  ])
})

test('nothing, nonsense and half a header give what can be read', () => {
  expect(parseChallenges('')).toEqual([])
  expect(parseChallenges('"')).toEqual([])
  expect(parseChallenges('Bearer realm="unfinished')).toEqual([{ scheme: 'bearer', parameters: {} }])
})

test('any parameters come back', () => {
  const token = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/)
  const challenge = fc.record({ scheme: token, parameters: fc.dictionary(token, fc.stringMatching(/^[ -~]{0,20}$/)) })
  fc.assert(
    fc.property(fc.array(challenge), (challenges) => {
      const header = challenges
        .map(({ scheme, parameters }) => {
          const written = Object.entries(parameters).map(
            ([name, value]) => `${name}="${value.replace(/["\\]/g, '\\$&')}"`,
          )
          return `${scheme} ${written.join(', ')}`
        })
        .join(', ')
      expect(
        parseChallenges(header).map(({ scheme, parameters }) => ({ scheme, parameters: { ...parameters } })),
      ).toEqual(challenges.map(({ scheme, parameters }) => ({ scheme, parameters: { ...parameters } })))
    }),
  )
})
