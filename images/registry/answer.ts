/**
 * What a registry's refusal means, in a sentence: the statuses and the JSON error list of OCI distribution-spec
 * ("Error Codes"). The words are the other side's, so they are shortened and stripped of terminal escapes.
 */
import { Failure } from '../../runtime/errors.ts'
import { readAll, type Answer } from './http.ts'

const DENIAL_LIMIT = 64 * 1024

const WORDS_LIMIT = 200
// eslint-disable-next-line no-control-regex -- control characters are what is taken out
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g

interface RegistryError {
  code?: unknown
  message?: unknown
}

/** `: DENIED: requested access to the resource is denied`, or nothing. Ends the body in any case. */
export const readDenial = async (answer: Answer): Promise<string> => {
  try {
    const bytes = await readAll(answer, DENIAL_LIMIT, 'error')
    const { errors } = JSON.parse(bytes.toString('utf8')) as { errors?: RegistryError[] }
    const [first] = errors ?? []
    const words = [first?.code, first?.message].filter((word) => typeof word === 'string' && word !== '').join(': ')
    return words === '' ? '' : `: ${words.replace(UNPRINTABLE, ' ').slice(0, WORDS_LIMIT)}`
  } catch {
    return ''
  }
}

/** A refusal of the named object (`manifest of library/x:1`) as a Failure with the registry's own words. */
export const toRefusal = async (answer: Answer, registry: string, object: string): Promise<Failure> => {
  const found = `${registry} answered ${answer.status}${await readDenial(answer)}`
  switch (answer.status) {
    case 401:
    case 403:
      return new Failure(`registry ${registry} refuses ${object}`, {
        id: 'registry.denied',
        why: 'it does not exist, or it needs a login',
        found,
        status: 404,
      })
    case 404:
      return new Failure(`registry ${registry} has no ${object}`, { id: 'registry.unknown', found, status: 404 })
    case 429: {
      const after = answer.header('retry-after')
      return new Failure(`registry ${registry} takes no more requests for now`, {
        id: 'registry.limit',
        found,
        try: after !== undefined && /^\d+$/.test(after) ? `again in ${after} s` : 'again later',
      })
    }
    default:
      return new Failure(`registry ${registry} failed at ${object}: status ${answer.status}`, {
        id: 'registry.status',
        found,
      })
  }
}
