import { isFailure } from '../../../runtime/errors.ts'

/** The sentence a user would read. A throw that is not a Failure is a bug and goes through; so is none at all. */
export const refusal = (act: () => unknown): string => {
  try {
    act()
  } catch (error) {
    if (isFailure(error)) return error.message
    throw error
  }
  throw new Error('nothing was refused')
}
