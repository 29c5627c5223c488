import { readlinkSync } from 'node:fs'
import { connect } from 'node:net'
import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import { compileProgram } from '../../../runtime/init/program.ts'
import { readComm } from '../../../runtime/kernel/processes.ts'
import { launchProgram } from '../../../runtime/launch.ts'
import { formatRequest, planSpawner, REQUEST, type ProgramRequest } from '../../../runtime/plan/spawner.ts'
import { useDirectory } from '../agent/temporary.ts'

const { fresh } = useDirectory()
const echo: ProgramRequest = { file: '/bin/sh', argv: ['sh', '-c', 'pwd >&3'], directory: '/usr', errors: '/dev/null' }

describe('a request', () => {
  it('is an argument vector as execve(2) takes it, in the memory of the spawner', () => {
    const bytes = formatRequest(echo, 0x400000) ?? Buffer.alloc(0)
    const at = (address: bigint) => bytes.toString('latin1', Number(address) - 0x400000).replace(/\0.*$/s, '')
    const words = [0, 1, 2].map((index) => at(bytes.readBigUInt64LE(3 * 512 + 8 * index)))
    expect(words).toEqual(echo.argv)
    expect(bytes.readBigUInt64LE(3 * 512 + 24)).toBe(0n)
  })

  it.each([
    ['a path', { ...echo, directory: `/${'d'.repeat(512)}` }],
    ['too many words', { ...echo, argv: Array<string>(32).fill('x') }],
    ['words that are too long', { ...echo, argv: ['x'.repeat(600), 'y'.repeat(600)] }],
  ])('has no place for %s', (_, request) => {
    expect(formatRequest(request, 0x400000)).toBeUndefined()
  })
})

describe.runIf(['x64', 'arm64'].includes(process.arch))('the spawner', () => {
  let pid: number | undefined
  afterEach(() => void (pid === undefined || process.kill(pid, 'SIGKILL')))

  const start = async () => {
    const socket = `${fresh()}.sock`
    const calls = planSpawner(socket)
    pid = await launchProgram({ prefix: [], calls, file: fresh() })
    const at = compileProgram(calls).addressOf(REQUEST)
    return async (request: ProgramRequest): Promise<Buffer> => {
      const connection = connect(socket)
      connection.write(formatRequest(request, at) ?? '')
      const chunks: Buffer[] = []
      connection.on('data', (chunk: Buffer) => chunks.push(chunk))
      await once(connection, 'close')
      return Buffer.concat(chunks)
    }
  }

  it('starts what is asked for, where it is asked for, with the connection as its status descriptor', async () => {
    const ask = await start()
    expect(readComm(pid ?? 0)).toBe('glasspod-spawn')
    expect((await ask(echo)).toString()).toBe('/usr\n')
  })

  it('hands nothing else down, and lets it be the first of its session', async () => {
    const ask = await start()
    const script = 'ls /proc/self/fd | tr "\\n" " " >&3; cut -d " " -f 6 /proc/$$/stat >&3; echo $$ >&3; env >&3'
    const [descriptors, ...rest] = (await ask({ ...echo, argv: ['sh', '-c', script] })).toString().split(/ (?=\d+\n)/)
    // 3: the connection, and the directory that ls reads
    expect(descriptors).toMatch(/^0 1 2 3( 4)?$/)
    const [session, self, ...env] = rest.join('').trim().split('\n')
    expect(session).toBe(self)
    expect(env.filter((line) => !/^(PWD|OLDPWD|SHLVL|_)=/.test(line))).toEqual([])
  })

  it('answers with zeros for what cannot be executed', async () => {
    const ask = await start()
    expect(await ask({ ...echo, file: '/etc/passwd' })).toEqual(Buffer.alloc(16))
    expect(await ask({ ...echo, directory: '/none' })).toEqual(Buffer.alloc(16))
    expect((await ask(echo)).toString()).toBe('/usr\n')
    expect(readlinkSync(`/proc/${pid}/cwd`)).toBe('/')
  })
})
