import { describe, expect, test } from 'vitest'
import { planRunConfig } from '../../../images/changes.ts'

describe('changes of an image', () => {
  test.each([
    ['CMD ["a", "b c"]', { Cmd: ['a', 'b c'] }],
    ['cmd a && b', { Cmd: ['/bin/sh', '-c', 'a && b'] }],
    ['ENTRYPOINT ["/x"]', { Entrypoint: ['/x'] }],
    ['ENV A=1 B="two words" C=x\\ y', { Env: ['A=1', 'B=two words', 'C=x y'] }],
    ['ENV OLD form of it', { Env: ['OLD=form of it'] }],
    ["LABEL a='b c' d=", { Labels: { a: 'b c', d: '' } }],
    ['EXPOSE 80 53/udp', { ExposedPorts: { '80/tcp': {}, '53/udp': {} } }],
    ['VOLUME ["/a", "/b"]', { Volumes: { '/a': {}, '/b': {} } }],
    ['WORKDIR /w', { WorkingDir: '/w' }],
    ['USER 1:2', { User: '1:2' }],
    ['STOPSIGNAL SIGINT', { StopSignal: 'SIGINT' }],
  ])('%s', (change, wanted) => expect(planRunConfig([change])).toEqual(wanted))

  test('come one after the other', () => {
    expect(planRunConfig(['ENV A=1 B=2', 'ENV A=3', 'CMD ["x"]', 'CMD ["y"]'])).toEqual({
      Env: ['B=2', 'A=3'],
      Cmd: ['y'],
    })
  })

  test.each(['', 'CMD', 'RUN make', 'WORKDIR here', 'EXPOSE 0', 'EXPOSE 70000', 'ENV A', 'ENV =x', 'LABEL a=1 b'])(
    'but not %j',
    (change) => expect(() => planRunConfig([change])).toThrow(/is no change of an image/),
  )
})
