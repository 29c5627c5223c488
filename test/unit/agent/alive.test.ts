import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { isHeld, whenReleased } from '../../../runtime/agent/alive.ts'
import { useDirectory } from './temporary.ts'

const { fresh } = useDirectory()
const children: ChildProcess[] = []
afterEach(() => children.splice(0).forEach((child) => child.kill('SIGKILL')))

const makeFifo = (): string => {
  const path = fresh()
  execFileSync('mkfifo', [path])
  return path
}

/** A process that holds the pipe as the monitor does, read-write; it has opened it when this returns. */
const hold = async (fifo: string): Promise<ChildProcess> => {
  const child = spawn('sh', ['-c', 'exec 9<>"$0"; echo; exec sleep 1000', fifo], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  children.push(child)
  if (child.stdout !== null) await once(child.stdout, 'data')
  return child
}

describe('the pipe of a monitor', () => {
  it('is held while the monitor lives, and not a moment longer', async () => {
    const fifo = makeFifo()
    expect(isHeld(fifo)).toBe(false)
    const child = await hold(fifo)
    expect(isHeld(fifo)).toBe(true)
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(isHeld(fifo)).toBe(false)
  })

  it('is held by nobody where there is none', () => {
    expect(isHeld(fresh())).toBe(false)
  })

  it('is held by nobody where a file is in its place', () => {
    const path = fresh()
    writeFileSync(path, '')
    expect(isHeld(path)).toBe(false)
  })

  it('tells the moment it is let go, however that happens', async () => {
    const fifo = makeFifo()
    const child = await hold(fifo)
    let released = false
    const release = whenReleased(fifo).then(() => (released = true))
    expect(isHeld(fifo)).toBe(true)
    expect(released).toBe(false)
    child.kill('SIGKILL')
    await release
  })

  it('tells every one who waits', async () => {
    const fifo = makeFifo()
    const child = await hold(fifo)
    const all = Promise.all(Array.from({ length: 50 }, () => whenReleased(fifo)))
    child.kill('SIGKILL')
    expect(await all).toHaveLength(50)
  })

  it('tells at once when it is late', async () => {
    await whenReleased(makeFifo())
    await whenReleased(fresh())
  })
})
