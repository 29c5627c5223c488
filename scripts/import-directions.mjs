/**
 * A lint rule: imports point one way (docs/architecture.md). Each zone says which folder may not reach which, and why.
 * Paths are relative to the checkout; `except` lists what may be reached all the same, `exempt` who may.
 */
import { dirname, relative, resolve } from 'node:path'

const isBelow = (path, folder) => path === folder || path.startsWith(`${folder}/`)

export const importDirections = {
  meta: {
    type: 'problem',
    docs: { description: 'imports point one way' },
    messages: { direction: '{{from}} may not import {{to}}: {{why}}' },
    schema: [{ type: 'array', items: { type: 'object' } }],
  },
  create(context) {
    const file = relative(context.cwd, context.filename)
    const zones = context.options[0].filter(
      ({ target, exempt = [] }) =>
        target.some((folder) => isBelow(file, folder)) && !exempt.some((folder) => isBelow(file, folder)),
    )
    const check = (node) => {
      const source = node.source?.value
      if (typeof source !== 'string' || !source.startsWith('.')) return
      const to = relative(context.cwd, resolve(dirname(context.filename), source))
      for (const { from, except = [], why } of zones) {
        const refused = from.some((folder) => isBelow(to, folder)) && !except.some((path) => isBelow(to, path))
        if (refused) context.report({ node, messageId: 'direction', data: { from: file, to, why } })
      }
    }
    return {
      ImportDeclaration: check,
      ImportExpression: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
    }
  },
}
