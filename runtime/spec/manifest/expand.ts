/** `$(NAME)` in commands, arguments and values, as Kubernetes replaces it; `$$` is a dollar. */

/** What is not known stays as it is written. */
export const expand = (text: string, env: ReadonlyMap<string, string>): string =>
  text.replace(/\$(\$|\(([^()]*)\))/g, (whole, what: string, name: string | undefined) =>
    what === '$' ? '$' : (env.get(name ?? '') ?? whole),
  )

/** Later values may name earlier ones. */
export const expandEnv = (list: readonly { name: string; value: string }[]): Map<string, string> => {
  const env = new Map<string, string>()
  for (const { name, value } of list) env.set(name, expand(value, env))
  return env
}
