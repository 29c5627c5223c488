import { isFailure, type Failure } from '../../../runtime/errors.ts'

/** The Failure of what must fail. A throw that is not a Failure is a bug and goes through; so is none at all. */
export const failureOf = async (act: () => unknown): Promise<Failure> => {
  try {
    await act()
  } catch (error) {
    if (isFailure(error)) return error
    throw error
  }
  throw new Error('nothing was refused')
}
