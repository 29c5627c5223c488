/** /glasspod/graph and cgroup: what is there. */
import type { Agent } from '../agent.ts'
import { readCgroups, readGraph } from '../graph.ts'
import { route, type Route } from '../http.ts'

export const seeRoutes = (agent: Agent): Route[] => [
  route('GET', '/glasspod/graph', () => readGraph(agent)),
  route('GET', '/glasspod/cgroup', () => readCgroups(agent)),
]
