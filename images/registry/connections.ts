/** Connections that are kept for the blobs that follow a manifest; idle ones do not keep the process. */
import type { Agent } from 'node:http'
import { readCertificates } from './certificates.ts'
import type { Settings } from './settings.ts'
import { lookupAllowed } from './url.ts'

interface Use {
  readonly url: URL
  /** Whose certificates count, as it is called: `quay.io:443` is another directory than `quay.io`. */
  readonly host: string
  /** Certificates are not checked, but only those of the registry's own host. */
  readonly insecure: boolean
  /** The registry's own host: its name may lead to this machine, where another's may not. */
  readonly isOwn: boolean
}

export class Connections {
  readonly #settings: Settings
  readonly #agents = new Map<string, Promise<Agent>>()

  constructor(settings: Settings) {
    this.#settings = settings
  }

  /** @throws Failure `registry.certificate`. */
  agentFor(use: Use): Promise<Agent> {
    const key = `${use.url.origin} ${use.host} ${use.insecure} ${use.isOwn}`
    const known = this.#agents.get(key)
    if (known !== undefined) return known
    const agent = this.#open(use)
    this.#agents.set(key, agent)
    agent.catch(() => this.#agents.delete(key))
    return agent
  }

  async close(): Promise<void> {
    for (const agent of await Promise.allSettled(this.#agents.values())) {
      if (agent.status === 'fulfilled') agent.value.destroy()
    }
    this.#agents.clear()
  }

  async #open({ url, host, insecure, isOwn }: Use): Promise<Agent> {
    const options = { keepAlive: true, lookup: lookupAllowed(isOwn) }
    if (url.protocol === 'http:') return new (await import('node:http')).Agent(options)
    const { Agent } = await import('node:https')
    const { ca, cert, key } = readCertificates(host, this.#settings)
    return new Agent({
      ...options,
      ca: [...ca],
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
      minVersion: 'TLSv1.2',
      rejectUnauthorized: !(insecure && isOwn),
    })
  }
}
