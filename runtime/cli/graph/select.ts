/** Which part of the graph is shown, and which of its namespaces are shared. */
import { Failure } from '../../errors.ts'
import type { CgroupTree, Graph } from '../api.ts'

const selectCgroup = (tree: CgroupTree, pods: readonly string[]): CgroupTree => ({
  ...tree,
  children: tree.children.filter(({ kind, name }) => kind !== 'pod' || pods.includes(name)),
})

/** Only these pods, and the node that they are in. @throws {Failure} `graph.unknown` */
export const selectPods = (graph: Graph, pods: readonly string[]): Graph => {
  if (pods.length === 0) return graph
  const unknown = pods.find((pod) => !graph.rows.some((row) => row.pod === pod))
  if (unknown !== undefined)
    throw new Failure(`no running pod is called ${unknown}`, { id: 'graph.unknown', try: 'glasspod pod ps' })
  return {
    ...graph,
    rows: graph.rows.filter(({ pod }) => pod === '' || pods.includes(pod)),
    cgroup: selectCgroup(graph.cgroup, pods),
    network: { ...graph.network, links: graph.network.links.filter(({ pod }) => pods.includes(pod)) },
  }
}

/** Numbers each namespace that two or more rows are in: in one column the first is 0, the next 1. */
export const numberShared = (inodes: readonly (number | undefined)[]): Map<number, number> => {
  const known = inodes.filter((inode) => inode !== undefined)
  const shared = [...new Set(known)].filter((inode) => known.filter((other) => other === inode).length > 1)
  return new Map(shared.map((inode, index) => [inode, index]))
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyz'

/** a, b, ... z, aa, bb: the mark of a shared namespace. */
export const letterOf = (number: number): string =>
  (LETTERS[number % LETTERS.length] ?? '').repeat(1 + Math.floor(number / LETTERS.length))
