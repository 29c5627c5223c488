/** What takes back a step inside a program. Hardly any has a command of its own: that is what namespaces are good for. */
const UNDO: readonly (readonly [RegExp, string])[] = [
  [/^namespaces\./, 'the namespace ends with its last process'],
  [/^(mounts|rootfs|devices|pod\.memory)/, 'the mounts end with their namespace'],
  [/^(net|uts)\./, 'it ends with the namespace'],
  [/^process\.exec$/, 'glasspod kill NAME'],
  [/^process\./, 'cannot be taken back: it ends with the process'],
  [/^cgroups\.kill$/, 'cannot be taken back'],
]

export const undoOf = (id: string): string =>
  UNDO.find(([pattern]) => pattern.test(id))?.[1] ?? 'it ends with the process'
