/**
 * Reading JSON that came over the network, field by field: whatever is not of the expected shape is a Failure that
 * names the document and the field, so that a manifest is parsed once, at the edge, and trusted afterwards.
 */
import { Failure } from '../runtime/errors.ts'

export type Fields = Readonly<Record<string, unknown>>

/** One JSON object and what it is, for sentences: `image manifest`, `layer 2 of image manifest`. */
export interface Document {
  readonly what: string
  readonly fields: Fields
}

export const refuseDocument = (what: string, problem: string): never => {
  throw new Failure(`${what}: ${problem}`, {
    id: 'image.document',
    why: 'it does not follow the OCI image specification',
  })
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const toDocument = (value: unknown, what: string): Document =>
  isFields(value) ? { what, fields: value } : refuseDocument(what, 'is not a JSON object')

/** @throws Failure `image.document`. */
export const parseDocument = (bytes: Uint8Array, what: string): Document => {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch {
    return refuseDocument(what, 'is not JSON')
  }
  return toDocument(value, what)
}

export const stringField = ({ what, fields }: Document, key: string): string => {
  const value = fields[key]
  return typeof value === 'string' ? value : refuseDocument(what, `${key} is not a string`)
}

/** Absent, null and wrong types differ: the first two are undefined, the last is refused. */
export const optionalString = (document: Document, key: string): string | undefined =>
  document.fields[key] === undefined || document.fields[key] === null ? undefined : stringField(document, key)

/** A count of bytes: a whole number from 0 to 2^53 - 1. */
export const sizeField = ({ what, fields }: Document, key: string): number => {
  const value = fields[key]
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
    ? value
    : refuseDocument(what, `${key} is not a size in bytes`)
}

export const arrayField = ({ what, fields }: Document, key: string): readonly unknown[] => {
  const value = fields[key]
  return Array.isArray(value) ? (value as unknown[]) : refuseDocument(what, `${key} is not a list`)
}

export const optionalStrings = (document: Document, key: string): readonly string[] =>
  document.fields[key] === undefined || document.fields[key] === null
    ? []
    : arrayField(document, key).map((item) =>
        typeof item === 'string' ? item : refuseDocument(document.what, `${key} holds something that is not a string`),
      )

export const optionalObject = ({ what, fields }: Document, key: string): Document | undefined =>
  fields[key] === undefined || fields[key] === null ? undefined : toDocument(fields[key], `${key} of ${what}`)

export const optionalStringMap = (document: Document, key: string): Readonly<Record<string, string>> => {
  const map = optionalObject(document, key)
  return map === undefined
    ? {}
    : Object.fromEntries(Object.keys(map.fields).map((name) => [name, stringField(map, name)]))
}
