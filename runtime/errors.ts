/**
 * What a failure says: the sentence, why it is so, what was found, what to try, where to read on.
 * A Failure is something a user can act on and never shows a stack; anything else that is thrown is a bug of ours.
 */
export interface FailureFacts {
  /** Stable id of the step that failed ('mounts.proc'), or of the check ('image.reference'). */
  id?: string | undefined
  why?: string | undefined
  /** What a probe saw on this machine; only where one ran. */
  found?: string | undefined
  try?: string | undefined
  see?: string | undefined
  /** Exit code of the command: 125 ours, 126 not executable, 127 not found. */
  exitCode?: number | undefined
  /** HTTP status of the API answer that carries it: 400 bad parameter, 404 no such object, 409 conflict. */
  status?: number | undefined
}

/** Lower case, no full stop, the object always in the sentence: `mount proc at /proc: EPERM (...)`. */
export class Failure extends Error {
  readonly facts: FailureFacts
  constructor(sentence: string, facts: FailureFacts = {}, options?: ErrorOptions) {
    super(sentence, options)
    this.name = 'Failure'
    this.facts = facts
  }
}

export const isFailure = (error: unknown): error is Failure => error instanceof Failure

/** The text of an error for a terminal, as docs/errors.md shows it. */
export const formatFailure = (sentence: string, facts: FailureFacts): string =>
  [
    `error: ${sentence}${facts.id === undefined ? '' : `   [${facts.id}]`}`,
    ...(['why', 'found', 'try', 'see'] as const).flatMap((key) =>
      facts[key] === undefined ? [] : [` ${key.padEnd(6)} ${facts[key]}`],
    ),
  ].join('\n')

/** The errno name of a Node system error, or undefined: `if (errnoOf(error) === 'ENOENT')`. */
export const errnoOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
