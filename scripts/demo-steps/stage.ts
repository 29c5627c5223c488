/** What the demo prints, and what it takes back at its end: undone in reverse, on success, failure and Ctrl-C alike. */
import { chalk } from 'zx'
import { wrap } from '../../runtime/cli/help.ts'

export type Undo = () => Promise<unknown>

const NUMBER_OF_SIGNAL = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const

/** So long a command that is under way may still take when all is to end. */
const PATIENCE_MS = 10_000

/** Something did not come out as it has to; the text is all there is to say. */
export class DemoFailure extends Error {}

export class Stage {
  readonly began = Date.now()
  private readonly undos: Undo[] = []
  private step = 0
  private ending: Promise<void> | undefined
  private work: { work: PromiseLike<unknown>; stop: () => void } | undefined

  heading(title: string, sentence: string): void {
    this.step += 1
    console.log(
      `\n${chalk.bold(`${this.step}. ${title}`)}\n${wrap(sentence, process.stdout.columns ?? Infinity).join('\n')}`,
    )
  }

  say(text: string): void {
    console.log(text)
  }

  command(text: string): void {
    console.log(chalk.dim(`$ ${text}`))
  }

  seconds(): string {
    return `${((Date.now() - this.began) / 1000).toFixed(1)} s`
  }

  /** What is under way: the end waits for it, and stops it where that takes too long. */
  during(work: PromiseLike<unknown>, stop: () => void): void {
    this.work = { work, stop }
  }

  /** To be done at the end, before what was said earlier. */
  atEnd(undo: Undo): void {
    this.undos.push(undo)
  }

  /** What was to be done at the end stays as it is. */
  forget(): void {
    this.undos.length = 0
  }

  /** Everything is tried; what fails is told, and does not stop the rest. */
  end(): Promise<void> {
    this.ending ??= this.undoAll()
    return this.ending
  }

  private async undoAll(): Promise<void> {
    const timer = setTimeout(() => this.work?.stop(), PATIENCE_MS)
    await this.work?.work
    clearTimeout(timer)
    for (let undo = this.undos.pop(); undo !== undefined; undo = this.undos.pop()) {
      try {
        await undo()
      } catch (error) {
        console.error(error instanceof Error ? error.message : error)
        process.exitCode = 1
      }
    }
  }

  /**
   * Ctrl-C at any point, and a reader of the output that goes away (`| head`): clean up once, whatever else is pressed, say
   * so where it is seen, and end as the signal says.
   */
  endOnSignals(): void {
    for (const [name, number] of Object.entries(NUMBER_OF_SIGNAL))
      process.on(name, () => this.interrupt(name, 128 + number))
    process.stdout.on('error', () => this.interrupt('nobody reads on', 0))
    process.stderr.on('error', () => undefined)
  }

  /** On standard error: a Ctrl-C has ended the other side of a pipe too. */
  private interrupt(reason: string, exitCode: number): void {
    if (this.ending !== undefined) return
    console.error(`\n${reason}: cleaning up`)
    void this.end().then(() => {
      console.error(process.exitCode === undefined ? 'cleaned up' : 'not all could be cleaned up')
      process.exit(exitCode)
    })
  }

  get isEnding(): boolean {
    return this.ending !== undefined
  }
}
