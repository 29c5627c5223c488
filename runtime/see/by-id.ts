/** What is said of steps by their ids: patterns, of which the first that fits counts. */
export type ById = readonly (readonly [RegExp, string])[]

export const findById = (list: ById, id: string): string | undefined => list.find(([pattern]) => pattern.test(id))?.[1]
