/**
 * Threads that unpack layers, so that the agent's own is left with the network (docs/decisions.md, "Two threads unpack").
 * A thread reads the blob's file by the agent's descriptor; no byte of it goes from memory to memory. What needs a
 * process (the marks) comes back to the agent.
 */
import { Worker } from 'node:worker_threads'
import type { Growth } from './growth.ts'
import { fromFault, toFault, toPlain, withBuffers, type FromThread, type ToThread } from './thread-messages.ts'
import type { UnpackedLayer } from './unpack.ts'
import type { GrowingLayer, Unpacker } from './unpacker.ts'

/** Each costs some 10 MB, and a pull may have 150 in all. */
const LIMIT = 2
/** Milliseconds that they stay without work: the next layers find their code compiled. */
const IDLE_MS = 10_000
/** MiB: what lives shortly lives in the two pieces of memory that are used again. */
const YOUNG_MB = 4

export class UnpackThreads {
  readonly #program: string
  readonly #idle: Thread[] = []
  readonly #waiting: (() => void)[] = []
  #count = 0
  #timer: NodeJS.Timeout | undefined

  /** @param program path of dist/unpack.cjs */
  constructor(program: string) {
    this.#program = program
  }

  readonly unpack: Unpacker = async (layer) => {
    const thread = await this.#take(layer.growth)
    try {
      return await thread.run(layer)
    } finally {
      this.#giveBack(thread)
    }
  }

  async #take(growth: Growth): Promise<Thread> {
    for (;;) {
      if (growth.failure !== undefined) throw growth.failure.error
      clearTimeout(this.#timer)
      const idle = this.#idle.pop()
      if (idle !== undefined) return idle
      if (this.#count < LIMIT) {
        this.#count++
        return new Thread(this.#program)
      }
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve)
        growth.onChange = () => {
          if (growth.failure !== undefined) resolve()
        }
      })
    }
  }

  #giveBack(thread: Thread): void {
    if (thread.isOver) this.#count--
    else this.#idle.push(thread)
    for (const look of this.#waiting.splice(0)) look()
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#end(), IDLE_MS)
    this.#timer.unref()
  }

  #end(): void {
    for (const thread of this.#idle.splice(0)) {
      this.#count--
      thread.end()
    }
  }
}

class Thread {
  readonly #worker: Worker
  isOver = false

  constructor(program: string) {
    this.#worker = new Worker(program, { resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB } })
    this.#worker.on('error', () => (this.isOver = true))
    this.#worker.on('exit', () => (this.isOver = true))
  }

  end(): void {
    void this.#worker.terminate()
  }

  run({ growth, directory, options, descriptor, onRead }: GrowingLayer): Promise<UnpackedLayer> {
    const worker = this.#worker
    const tell = (message: ToThread): void => worker.postMessage(message)
    let stopListening = (): void => undefined
    const result = new Promise<UnpackedLayer>((resolve, reject) => {
      const onMessage = (message: FromThread): void => {
        switch (message.kind) {
          case 'read':
            return onRead?.(message.bytes)
          case 'marks':
            options.applyMarks(message.marks.map(withBuffers)).then(
              () => tell({ kind: 'marked', fault: undefined }),
              (error: unknown) => tell({ kind: 'marked', fault: toFault(error) }),
            )
            return
          case 'unpacked':
            return resolve(message.layer)
          case 'failed':
            return reject(growth.failure === undefined ? fromFault(message.fault) : (growth.failure.error as Error))
        }
      }
      const onExit = (code: number): void => reject(new Error(`the thread that unpacks has ended with ${code}`))
      worker.on('message', onMessage).on('error', reject).on('exit', onExit)
      stopListening = () => void worker.off('message', onMessage).off('error', reject).off('exit', onExit)
    })
    const tellGrowth = (): void =>
      tell(growth.failure === undefined ? { kind: 'grown', grown: growth.now } : { kind: 'stop' })
    growth.onChange = tellGrowth
    worker.ref()
    tell({ kind: 'unpack', descriptor, directory, options: toPlain(options) })
    tellGrowth()
    return result.finally(() => {
      growth.onChange = () => undefined
      stopListening()
      worker.unref()
    })
  }
}
