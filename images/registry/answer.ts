/**
 * What a registry's refusal means, in a sentence: the statuses and the JSON error list of OCI distribution-spec
 * ("Error Codes"). The words are the other side's, so they are shortened and stripped of terminal escapes.
 */
import { Failure } from '../../runtime/errors.ts'
import { readAll, type Answer } from './http.ts'
import { parseRetryAfter } from './retry.ts'

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

const formatWindow = (seconds: number): string =>
  seconds % 3600 === 0 ? `${seconds / 3600} h` : seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`

/** `3 of 100 requests left in 6 h`, from the headers that Docker Hub has (`ratelimit-limit: 100;w=21600`). */
export const describeQuota = (header: Answer['header']): string | undefined => {
  const read = (name: string): RegExpExecArray | null => /^(\d+)(?:;w=(\d+))?/.exec(header(name) ?? '')
  const left = read('ratelimit-remaining')
  if (left === null) return undefined
  const limit = read('ratelimit-limit')
  const window = left[2] ?? limit?.[2]
  return `${left[1] ?? ''}${limit === null ? '' : ` of ${limit[1] ?? ''}`} requests left${window === undefined ? '' : ` in ${formatWindow(Number(window))}`}`
}

/** A refusal of the named object (`manifest of library/x:1`) as a Failure with the registry's own words. */
export const toRefusal = async (answer: Answer, registry: string, object: string): Promise<Failure> => {
  const found = `${registry} answered ${answer.status}${await readDenial(answer)}`
  switch (answer.status) {
    case 401:
    case 403:
      return new Failure(`registry ${registry} refuses ${object}`, {
        id: 'registry.denied',
        why: 'it does not exist, or it needs another login',
        found,
        try: `glasspod login ${registry}`,
        status: 404,
      })
    case 404:
      return new Failure(`registry ${registry} has no ${object}`, { id: 'registry.unknown', found, status: 404 })
    case 429: {
      const afterMs = parseRetryAfter(answer.header('retry-after'), Date.now())
      const quota = describeQuota(answer.header)
      return new Failure(`registry ${registry} takes no more requests for now`, {
        id: 'registry.limit',
        found: quota === undefined ? found : `${found}; ${quota}`,
        try: `${afterMs === undefined ? 'again later' : `again in ${Math.ceil(afterMs / 1000)} s`}, or glasspod login ${registry} for a higher limit`,
        status: 429,
      })
    }
    default:
      return new Failure(`registry ${registry} failed at ${object}: status ${answer.status}`, {
        id: 'registry.status',
        found,
      })
  }
}
