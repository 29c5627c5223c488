/** A pull: what a name means here, who serves it, and from there into the store. */
import { Failure, isFailure } from '../runtime/errors.ts'
import { familiarReference, formatReference, type Reference } from './reference.ts'
import { Registry } from './registry/registry.ts'
import { readRegistriesConf } from './registry/read-registries-conf.ts'
import type { RegistriesConf } from './registry/registries-conf.ts'
import { RegistrySource } from './registry/source.ts'
import { expandName } from './registry/short-names.ts'
import type { Store } from './store/store.ts'
import { takeImage, type Taken, type TakeOptions } from './take-image.ts'

export interface PullOptions extends TakeOptions {
  readonly registry?: Registry
  readonly conf?: RegistriesConf
}

export interface Pulled extends Taken {
  /** The full name that it has now. */
  readonly name: string
  /** Who served it, with the path there: a mirror, or the registry itself. */
  readonly servedBy: string
}

/** What sends a short name on to the next registry of the list: it is not there. */
const ABSENT = ['registry.unknown', 'registry.denied']

/** @throws Failure `image.reference`, `image.platform`, `registry.*`, and those of unpackLayer. */
export const pull = async (store: Store, text: string, options: PullOptions): Promise<Pulled> => {
  const registry = options.registry ?? new Registry()
  try {
    const conf = options.conf ?? (await readRegistriesConf(registry.settings))
    return await pullFirst(store, expandName(text, conf), { registry, conf, options })
  } catch (error) {
    if (options.signal?.aborted !== true) throw error
    throw new Failure(`pull of ${text} was cancelled`, { id: 'image.cancelled' })
  } finally {
    if (options.registry === undefined) await registry.close()
  }
}

interface Session {
  readonly registry: Registry
  readonly conf: RegistriesConf
  readonly options: PullOptions
}

/** A short name may stand for several; the first that is there is meant. */
const pullFirst = async (store: Store, references: readonly Reference[], session: Session): Promise<Pulled> => {
  const refusals: string[] = []
  for (const [at, reference] of references.entries()) {
    try {
      const source = new RegistrySource(session.registry, reference, session.conf)
      const name = formatReference(reference)
      const taken = await takeImage(store, source, { names: [name], isPublished: true, options: session.options })
      return { ...taken, name, servedBy: source.servedBy }
    } catch (error) {
      if (!isFailure(error) || references.length === 1) throw error
      if (!ABSENT.includes(error.facts.id ?? '')) throw error
      refusals.push(`${familiarReference(reference)}: ${error.message}`)
      if (at < references.length - 1) continue
      throw new Failure(`no registry has ${refusals.length === 0 ? 'it' : (references[0]?.repository ?? 'it')}`, {
        ...error.facts,
        why: 'a name without a registry is looked for in those that registries.conf lists',
        found: refusals.join('; '),
        try: 'the full name, REGISTRY/NAME:TAG',
      })
    }
  }
  throw new Error('a name that stands for nothing')
}
