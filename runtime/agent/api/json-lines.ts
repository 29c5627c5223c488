/** An error in a stream of JSON lines that has begun: the status cannot be changed any more. */
import { describeError } from '../http.ts'

export const sendFailureLine = (line: (value: unknown) => unknown, error: unknown): void => {
  const { body } = describeError(error)
  line({ error: body['message'], errorDetail: body })
}
