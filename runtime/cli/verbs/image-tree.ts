import type { ImageTree } from '../api.ts'
import { segment } from '../client.ts'
import { formatSize } from '../human.ts'
import { print, printJson } from '../output.ts'
import { printable, shortId, truncate } from '../table.ts'
import { FORMAT, NO_TRUNC, defineVerb } from '../verb.ts'

const WORDS = 50

const DOES: Readonly<Record<string, string>> = {
  deleted: 'deletes it',
  opaque: 'deletes what lower layers have in it',
}

const formatPath = (
  { Path, Resolved, Owner, Layers }: ImageTree['Paths'][number],
  idOf: (id: string) => string,
): string[] => {
  const at = Resolved === Path ? printable(Path) : `${printable(Path)} (${printable(Resolved)})`
  const head =
    Owner !== null ? `${at}: owned by ${idOf(Owner)}` : `${at}: ${Layers.length === 0 ? 'no layer has it' : 'deleted'}`
  return [
    head,
    ...[...Layers].reverse().map(({ Digest, Does, Size }) => {
      const what = DOES[Does] ?? `has a ${Does}${Does === 'file' ? ` of ${formatSize(Size)}` : ''}`
      return `  ${idOf(Digest)}  ${what}${Owner !== null && Digest !== Owner && DOES[Does] === undefined && Does !== 'directory' ? ', hidden' : ''}`
    }),
  ]
}

/** The highest layer first, as they lie on each other. */
export const formatTree = (tree: ImageTree, full: boolean): string => {
  const idOf = (id: string): string => (full ? id : shortId(id))
  const layers = [...tree.Layers].reverse()
  return [
    `Image ID: ${idOf(tree.Id)}`,
    `Names:    ${tree.Names.map(printable).join(', ') || '<none>'}`,
    `Size:     ${formatSize(tree.Size)}`,
    'Layers:',
    ...layers.flatMap(({ Digest, Size, Unpacked, CreatedBy, SharedWith }, at) => {
      const isLast = at === layers.length - 1
      const words = full ? printable(CreatedBy) : truncate(printable(CreatedBy), WORDS)
      const rail = isLast ? '   ' : '│  '
      return [
        `${isLast ? '└──' : '├──'} ${idOf(Digest)}  ${formatSize(Size)}, unpacked ${formatSize(Unpacked)}`,
        ...(words === '' ? [] : [`${rail}   ${words}`]),
        ...(SharedWith.length === 0 ? [] : [`${rail}   also in ${SharedWith.map(printable).join(', ')}`]),
      ]
    }),
    ...tree.Paths.flatMap((path) => ['', ...formatPath(path, idOf)]),
  ].join('\n')
}

export const verb = defineVerb({
  options: { format: FORMAT, 'no-trunc': NO_TRUNC },
  operands: { usage: 'IMAGE [PATH...]', min: 1, max: Infinity },
  example: 'glasspod image tree busybox:1.36 /bin/sh',
  async run({ options, operands: [image = '', ...paths], agent }) {
    const query = paths.map((path) => `path=${encodeURIComponent(path)}`).join('&')
    const route = `/glasspod/images/${segment(image)}/tree${query === '' ? '' : `?${query}`}`
    const tree = await (await agent()).get<ImageTree>(route)
    if (options.format === 'json') printJson(tree)
    else print(formatTree(tree, options['no-trunc']))
  },
})
