import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { assembleAarch64 } from '../../../runtime/init/aarch64.ts'
import { calls, type Call } from '../../../runtime/init/call.ts'
import { compileProgram, hostArch } from '../../../runtime/init/program.ts'
import { AT_FDCWD, flags } from '../../../runtime/init/uapi.ts'
import { assembleX86 } from '../../../runtime/init/x86_64.ts'

const call = calls('test', 'syscalls(2)')

/** Touches every feature of the runner: texts, memory, loads, a fork, a tolerated error, a jump, a wait. */
const everything = (file: string): Call[] => [
  call('openat', [AT_FDCWD, '/nonexistent', 0], '', { tolerate: ['ENOENT'], onError: 'go' }),
  call('exit_group', [9]),
  call('openat', [AT_FDCWD, file, flags('O_RDONLY'), 0], '', { result: { at: 'fd' }, label: 'go' }),
  call('read', [{ load: 'fd' }, { at: 'buffer', size: 64 }, 64], '', { result: { at: 'length' } }),
  call('write', [1, { at: 'buffer' }, { load: 'length' }]),
  call('clone', [flags('SIGCHLD'), 0, 0, 0, 0], '', { result: { at: 'child' }, onZero: 'child' }),
  call('wait4', [{ load: 'child' }, 0, 0, 0]),
  call('jump', [], '', { onZero: 'end' }),
  call('exit_group', [8]),
  call('write', [1, 'child\n', 6], '', { label: 'child' }),
  call('exit_group', [0]),
  call('exit_group', [3], '', { label: 'end' }),
]

let directory = ''
beforeAll(() => {
  directory = mkdtempSync(`${tmpdir()}/glasspod-init-`)
  writeFileSync(`${directory}/text`, 'text\n')
})
afterAll(() => rmSync(directory, { recursive: true }))

const build = (list: readonly Call[], arch = hostArch()) => {
  const program = compileProgram(list, arch)
  const path = `${directory}/program`
  writeFileSync(path, program.elf, { mode: 0o755 })
  return { path, program }
}

/** elf(5), 64 bits, little-endian. */
const readProgramHeaders = (file: Buffer) => {
  const [offset, size, count] = [Number(file.readBigUInt64LE(32)), file.readUInt16LE(54), file.readUInt16LE(56)]
  return Array.from({ length: count }, (_, at) => ({
    type: file.readUInt32LE(offset + at * size),
    flags: file.readUInt32LE(offset + at * size + 4),
  }))
}
const PT_LOAD = 1
const [PF_X, PF_W, PF_R] = [1, 2, 4]

describe.runIf(['x64', 'arm64'].includes(process.arch))('a compiled program', () => {
  it('makes the calls of its list, in order, and no other', () => {
    const { path } = build(everything(`${directory}/text`))
    const trace = `${directory}/trace`
    const { status, stdout } = spawnSync('strace', ['-f', '-o', trace, '-e', 'signal=none', path], { encoding: 'utf8' })
    expect(stdout).toBe('text\nchild\n')
    expect(status).toBe(3)
    const made = readFileSync(trace, 'utf8')
      .split('\n')
      .flatMap((line) => /^\d+ +(\w+)\(/.exec(line)?.[1] ?? [])
    expect(made.slice(1).toSorted()).toEqual(
      // Both halves of the fork, as planned: the jump is none, the two guards are never reached.
      ['openat', 'openat', 'read', 'write', 'clone', 'wait4', 'write', 'exit_group', 'exit_group'].toSorted(),
    )
  })

  it('tells which call failed, and why', () => {
    const list: Call[] = [
      call('getpid', []),
      { ...call('chdir', ['/nonexistent']), id: 'the.culprit' },
      call('write', [1, { at: 'failure' }, 16], '', { label: 'fatal' }),
      call('exit_group', [125]),
    ]
    const { path, program } = build(list)
    const { status, stdout } = spawnSync(path)
    expect(status).toBe(125)
    expect(stdout.readBigInt64LE(8)).toBe(-2n)
    expect(program.callAt(stdout.readBigUInt64LE(0))?.id).toBe('the.culprit')
  })

  it('ends with 125 where nothing else is said', () => {
    expect(spawnSync(build([call('chdir', ['/nonexistent'])]).path).status).toBe(125)
  })

  it('tolerates any error where told, beyond the 63 of the mask too', () => {
    // EOPNOTSUPP is 95: a socket of a family that the kernel does not know gives EAFNOSUPPORT, 97.
    const list = [call('socket', [250, 1, 0], '', { tolerate: 'any' }), call('exit_group', [4])]
    expect(spawnSync(build(list).path).status).toBe(4)
    const strict = [call('socket', [250, 1, 0], '', { tolerate: ['EPERM'] }), call('exit_group', [4])]
    expect(spawnSync(build(strict).path).status).toBe(125)
  })

  it('has code that cannot be written and data that cannot be executed', () => {
    const { path } = build([call('exit_group', [0])])
    const loaded = readProgramHeaders(readFileSync(path)).filter(({ type }) => type === PT_LOAD)
    expect(loaded.map(({ flags }) => flags).sort()).toEqual([PF_R | PF_X, PF_R | PF_W])
  })
})

describe('the runners', () => {
  const addresses = { first: 0x410000, failure: 0x420000, fatal: 0x430000 }
  const digest = (code: Uint8Array) => `${code.length} ${createHash('sha256').update(code).digest('hex').slice(0, 16)}`

  it('are these bytes', () => {
    expect(digest(assembleX86(addresses))).toMatchInlineSnapshot(`"164 339cb1cf06865c1b"`)
    expect(digest(assembleAarch64(addresses))).toMatchInlineSnapshot(`"232 440807908ddc966d"`)
  })

  it('run the same list on aarch64', ({ skip }) => {
    const qemu = ['/usr/bin/qemu-aarch64', '/usr/bin/qemu-aarch64-static'].find((path) => existsSync(path))
    skip(qemu === undefined, 'missing capability: qemu-user for aarch64')
    const { path } = build(everything(`${directory}/text`), 'aarch64')
    const { status, stdout } = spawnSync(qemu ?? '', [path], { encoding: 'utf8' })
    expect({ status, stdout }).toEqual({ status: 3, stdout: 'text\nchild\n' })
  })
})

describe('the compiler', () => {
  it('refuses a label that no call has, and a call that the architecture lacks', () => {
    expect(() => compileProgram([call('jump', [], '', { onZero: 'nowhere' })])).toThrow('no call is labelled nowhere')
    expect(() => compileProgram([call('open', ['/', 0])], 'aarch64')).toThrow('aarch64 has no system call open')
  })

  it('gives the same bytes for the same list', () => {
    expect(compileProgram(everything('/a')).elf).toEqual(compileProgram(everything('/a')).elf)
  })
})
