import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isFailure } from '../../../runtime/errors.ts'
import { familiarReference, formatReference, parseReference } from '../../../images/reference.ts'

const DIGEST = `sha256:${'a'.repeat(64)}`

describe('parseReference', () => {
  test.each([
    ['busybox', 'docker.io/library/busybox:latest', 'busybox:latest'],
    ['busybox:1.36', 'docker.io/library/busybox:1.36', 'busybox:1.36'],
    ['user/app', 'docker.io/user/app:latest', 'user/app:latest'],
    ['docker.io/busybox', 'docker.io/library/busybox:latest', 'busybox:latest'],
    ['index.docker.io/library/busybox', 'docker.io/library/busybox:latest', 'busybox:latest'],
    ['localhost/x', 'localhost/x:latest', 'localhost/x:latest'],
    ['localhost:5000/x', 'localhost:5000/x:latest', 'localhost:5000/x:latest'],
    ['localhost:5000/a/b/c:v1', 'localhost:5000/a/b/c:v1', 'localhost:5000/a/b/c:v1'],
    ['127.0.0.1:5000/x', '127.0.0.1:5000/x:latest', '127.0.0.1:5000/x:latest'],
    ['[::1]:5000/x:y', '[::1]:5000/x:y', '[::1]:5000/x:y'],
    ['quay.io/a/b__c', 'quay.io/a/b__c:latest', 'quay.io/a/b__c:latest'],
    ['MYHOST/x', 'MYHOST/x:latest', 'MYHOST/x:latest'],
    ['localhost:5000', 'docker.io/library/localhost:5000', 'localhost:5000'],
    [`busybox@${DIGEST}`, `docker.io/library/busybox@${DIGEST}`, `busybox@${DIGEST}`],
    [`ghcr.io/a/b:1@${DIGEST}`, `ghcr.io/a/b:1@${DIGEST}`, `ghcr.io/a/b:1@${DIGEST}`],
  ])('%s', (text, full, familiar) => {
    const reference = parseReference(text)
    expect(formatReference(reference)).toBe(full)
    expect(familiarReference(reference)).toBe(familiar)
  })

  test.each([
    ['', 'the repository name is empty'],
    ['Busybox', 'a repository name is in lower case'],
    ['a//b', '"a//b" is not a repository name'],
    ['-a', '"-a" is not a repository name'],
    ['a:', '"" is not a tag'],
    ['a:b c', '"b c" is not a tag'],
    ['localhost:99999/x', 'port numbers must be between 1 and 65535 (inclusive), got 99999'],
    ['a_.b/c/../d', 'is not'],
    ['-.-/x', 'is not the name of a registry'],
    ['f'.repeat(64), '64 hex digits are an image id, not a name'],
    [`quay.io/${'a'.repeat(256)}`, 'at most 255'],
  ])('refuses %j', (text, why) => {
    expect(() => parseReference(text)).toThrow(
      expect.objectContaining({
        facts: expect.objectContaining({
          id: 'image.reference',
          status: 400,
          why: expect.stringContaining(why) as unknown,
        }) as unknown,
      }),
    )
  })

  test('names the digest that is wrong', () => {
    expect(() => parseReference('a@sha256:123')).toThrow('not a digest: "sha256:123"')
    expect(() => parseReference('Foo/Bar:x')).toThrow(
      expect.objectContaining({ message: 'not an image reference: "Foo/Bar:x"' }) as unknown,
    )
  })

  const component = fc.stringMatching(/^[a-z0-9]{1,8}(?:[._-][a-z0-9]{1,8}){0,2}$/)
  const valid = fc
    .record({
      registry: fc.constantFrom(
        '',
        'docker.io/',
        'localhost/',
        'localhost:5000/',
        '127.0.0.1:1/',
        'quay.io/',
        '[::1]:80/',
      ),
      path: fc.array(component, { minLength: 1, maxLength: 4 }),
      tag: fc.option(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}$/), { nil: undefined }),
      digest: fc.boolean(),
    })
    // A dot in the first of several components makes it a registry.
    .filter(({ registry, path }) => registry !== '' || path.length === 1 || !path[0]!.includes('.'))
    .map(
      ({ registry, path, tag, digest }) =>
        `${registry}${path.join('/')}${tag === undefined ? '' : `:${tag}`}${digest ? `@${DIGEST}` : ''}`,
    )

  test('both forms parse back to the same value', () => {
    fc.assert(
      fc.property(valid, (text) => {
        const reference = parseReference(text)
        expect(parseReference(formatReference(reference))).toEqual(reference)
        expect(parseReference(familiarReference(reference))).toEqual(reference)
      }),
      { numRuns: 500 },
    )
  })

  test('any text is a reference or a Failure, and what is one can be part of a URL path', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[a-zA-Z0-9./:@_-]{0,40}$/)), (text) => {
        try {
          const { repository } = parseReference(text)
          expect(new URL(`/v2/${repository}/x`, 'http://h').pathname).toBe(`/v2/${repository}/x`)
        } catch (error) {
          if (!isFailure(error)) throw error
        }
      }),
      { numRuns: 1000 },
    )
  })
})
