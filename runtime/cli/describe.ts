/** Any JSON as `key: value` lines, for what has no table of its own. */
import { printable } from './table.ts'

const isScalar = (value: unknown): value is string | number | boolean | null =>
  value === null || ['string', 'number', 'boolean'].includes(typeof value)

export const describeValue = (value: unknown, indent = ''): string => {
  if (isScalar(value)) return indent + printable(String(value))
  if (typeof value !== 'object' || value === null) return ''
  return Object.entries(value)
    .flatMap(([key, item]: [string, unknown]) => {
      if (item === undefined || item === null || item === '') return []
      const label = Array.isArray(value) ? '-' : `${printable(key)}:`
      if (isScalar(item)) return [`${indent}${label} ${printable(String(item))}`]
      if (Array.isArray(item) && item.every(isScalar)) {
        return item.length === 0 ? [] : [`${indent}${label} ${printable(item.join(' '))}`]
      }
      const inner = describeValue(item, `${indent}  `)
      if (inner === '') return []
      // the first line of an item stands beside its dash
      return [label === '-' ? `${indent}- ${inner.trimStart()}` : `${indent}${label}\n${inner}`]
    })
    .join('\n')
}
