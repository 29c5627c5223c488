/** What the demo prints, and what it takes back at its end: undone in reverse, on success, failure and Ctrl-C alike. */
import { chalk } from 'zx'

export type Undo = () => Promise<unknown>

const NUMBER_OF_SIGNAL = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const

/** Something did not come out as it has to; the text is all there is to say. */
export class DemoFailure extends Error {}

export class Stage {
  readonly began = Date.now()
  private readonly undos: Undo[] = []
  private step = 0
  private ending: Promise<void> | undefined

  heading(title: string, sentence: string): void {
    this.step += 1
    console.log(`\n${chalk.bold(`${this.step}. ${title}`)}\n${sentence}`)
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
    for (let undo = this.undos.pop(); undo !== undefined; undo = this.undos.pop()) {
      try {
        await undo()
      } catch (error) {
        console.error(error instanceof Error ? error.message : error)
        process.exitCode = 1
      }
    }
  }

  /** Ctrl-C at any point: clean up once, whatever else is pressed, and end as the signal says. */
  endOnSignals(): void {
    for (const [name, number] of Object.entries(NUMBER_OF_SIGNAL)) {
      process.on(name, () => {
        if (this.ending !== undefined) return
        console.log(`\n${name}: cleaning up`)
        void this.end().then(() => process.exit(128 + number))
      })
    }
  }

  get isEnding(): boolean {
    return this.ending !== undefined
  }
}
