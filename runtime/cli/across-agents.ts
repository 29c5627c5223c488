/**
 * What is watched for long outlives the agent: where it ends, the next one is started and asked to go on. Containers do
 * not notice, so whoever watches one must not either.
 */
import { Failure, isFailure } from '../errors.ts'
import type { Client } from './client.ts'

/** An agent that ends so soon after it was asked may do so because of that. */
const SOON_MS = 500
const PATIENCE = 20
const START_TRIES = 3

export const isAgentGone = (error: unknown): boolean =>
  isFailure(error) && (error.facts.id === 'agent.lost' || error.facts.id === 'agent.connect')

/** `attempt` is made again, from where it knows that it stopped, as often as the agent ends in the middle of it. */
export const acrossAgents = async <T>(client: Client, attempt: () => Promise<T>): Promise<T> => {
  for (let soon = 0; ;) {
    const begun = Date.now()
    try {
      return await attempt()
    } catch (error) {
      if (!isAgentGone(error) || client.isStepped) throw error
      soon = Date.now() - begun < SOON_MS ? soon + 1 : 0
      if (soon >= PATIENCE)
        throw new Failure(
          `the agent has ended ${PATIENCE} times in a row`,
          { id: 'agent.lost', why: 'containers run on without it', see: 'agent.log in the root directory' },
          { cause: error },
        )
      await renew(client)
    }
  }
}

/** One that is killed while it starts is started again. */
const renew = async (client: Client): Promise<void> => {
  for (let tries = 1; ; tries++) {
    try {
      return await client.renew()
    } catch (error) {
      if (tries >= START_TRIES) throw error
    }
  }
}
