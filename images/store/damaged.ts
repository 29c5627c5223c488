import { Failure } from '../../runtime/errors.ts'

/** What an image needs and the store has no more, or not whole: ours, and not the fault of whoever it is for. */
export const damagedPart = (what: string, found?: string): Failure =>
  new Failure(`${what} in the image store is damaged`, {
    id: 'store.damaged',
    found,
    try: 'remove the image and pull it again',
  })
