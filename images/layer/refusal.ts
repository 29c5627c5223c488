/** The two ways in which a layer is bad: it is not what a tar is, or it is and wants what no layer may. */
import { Failure } from '../../runtime/errors.ts'

export const damaged = (error: unknown): Failure =>
  new Failure(`the layer is damaged: ${error instanceof Error ? error.message : String(error)}`, { id: 'image.layer' })

/** What a layer must not contain, whoever made it. */
export const refuseEntry = (shown: string, problem: string): never => {
  throw new Failure(`layer entry ${shown} ${problem}`, {
    id: 'image.entry',
    why: 'no tool that makes images writes such an entry; this one may be meant to break out',
  })
}

/** A name for sentences. @param bytes one character a byte; hostile until shown otherwise, so it is escaped. */
export const show = (bytes: string): string =>
  JSON.stringify(Buffer.from(bytes.slice(0, 300), 'latin1').toString('utf8'))
