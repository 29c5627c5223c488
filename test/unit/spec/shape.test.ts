import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CREATE_SHAPE, EXEC_SHAPE } from '../../../runtime/spec/create-body.ts'
import { checkShape, type Shape } from '../../../runtime/spec/shape.ts'
import { refusal } from '../kernel/refusal.ts'

describe('the form of a request', () => {
  it.each<[Shape, unknown, string]>([
    [CREATE_SHAPE, [], 'the request body is not an object'],
    [CREATE_SHAPE, { Image: 5 }, 'Image is not a string'],
    [CREATE_SHAPE, { Image: null }, 'Image is not a string'],
    [CREATE_SHAPE, { Cmd: { a: 1 } }, 'Cmd is not a string or a list of strings'],
    [CREATE_SHAPE, { Cmd: ['a', 5] }, 'Cmd[1] is not a string'],
    [CREATE_SHAPE, { Cmd: ['a', null] }, 'Cmd[1] is null'],
    [CREATE_SHAPE, { Cmd: 'a\0b' }, 'Cmd has a NUL byte in it'],
    [CREATE_SHAPE, { Env: ['A=1', 'B=\0'] }, 'Env[1] has a NUL byte in it'],
    [CREATE_SHAPE, { Tty: 'yes' }, 'Tty is not true or false'],
    [CREATE_SHAPE, { Labels: { a: 1 } }, 'Labels.a is not a string'],
    [CREATE_SHAPE, { Labels: { 'a\0': 'b' } }, 'a name in Labels has a NUL byte in it'],
    [CREATE_SHAPE, { HostConfig: [] }, 'HostConfig is not an object'],
    [CREATE_SHAPE, { HostConfig: { Memory: '64m' } }, 'HostConfig.Memory is not a number'],
    [
      CREATE_SHAPE,
      { HostConfig: { PortBindings: { '80/tcp': [{ HostPort: 80 }] } } },
      'HostConfig.PortBindings.80/tcp[0].HostPort is not a string',
    ],
    [EXEC_SHAPE, { Cmd: 5 }, 'Cmd is not a string or a list of strings'],
  ])('%#: %s', (shape, value, message) => expect(refusal(() => checkShape(value, shape))).toBe(message))

  it('is that of what Docker’s own clients send', () => {
    const body = {
      ...{ Image: 'x', Cmd: null, Entrypoint: null, Env: null, Labels: {}, Volumes: {}, Tty: false, OnBuild: null },
      HostConfig: { Binds: null, PortBindings: { '80/tcp': null }, PidsLimit: null, Memory: 0, ConsoleSize: [0, 0] },
      NetworkingConfig: { EndpointsConfig: {} },
    }
    expect(() => checkShape(body, CREATE_SHAPE)).not.toThrow()
  })

  it('is said to be wrong in one sentence, whatever is sent', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom('Image', 'Cmd', 'Env', 'HostConfig', 'Labels', 'Tty'), fc.anything()),
        (body) => {
          try {
            checkShape(body, CREATE_SHAPE)
          } catch (error) {
            expect(error).toMatchObject({ name: 'Failure', facts: { status: 400 } })
          }
        },
      ),
    )
  })
})
