/**
 * lima.yaml by what Lima 1.x takes (https://lima-vm.io/docs/templates/): limactl itself is in no Debian package, so the
 * fields that this file uses are held against their documented types here.
 */
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'

const ROOT = new URL('../../..', import.meta.url).pathname
const template = parse(readFileSync(`${ROOT}lima.yaml`, 'utf8'), { strict: true, uniqueKeys: true }) as Record<
  string,
  unknown
>

type Shape =
  'string' | 'number' | 'boolean' | RegExp | readonly [Shape] | { [field: string]: Shape } | 'strings by name'

const SIZE = /^\d+(\.\d+)?[KMGT]i?B$/
const TEMPLATE: { [field: string]: Shape } = {
  minimumLimaVersion: /^1\.\d+\.\d+$/,
  images: [{ location: /^https:\/\/.*\.qcow2$/, arch: /^(x86_64|aarch64)$/ }],
  cpus: 'number',
  memory: SIZE,
  disk: SIZE,
  param: 'strings by name',
  mounts: [{ location: 'string', mountPoint: /^\//, writable: 'boolean' }],
  mountTypesUnsupported: [/^(reverse-sshfs|9p|virtiofs|wsl2)$/],
  containerd: { system: 'boolean', user: 'boolean' },
  provision: [{ mode: /^(system|user|boot|dependency)$/, script: /^#!/ }],
  probes: [{ mode: /^readiness$/, description: 'string', script: /^#!/, hint: 'string' }],
}

/** What is wrong with a value, by its path; nothing for a good one. */
const faults = (value: unknown, shape: Shape, path: string): string[] => {
  if (shape instanceof RegExp) return typeof value === 'string' && shape.test(value) ? [] : [`${path} is not ${shape}`]
  if (typeof shape === 'string' && shape !== 'strings by name')
    return typeof value === shape ? [] : [`${path} is no ${shape}`]
  if (Array.isArray(shape)) {
    if (!Array.isArray(value)) return [`${path} is no list`]
    return value.flatMap((item, index) => faults(item, shape[0] as Shape, `${path}[${index}]`))
  }
  if (typeof value !== 'object' || value === null) return [`${path} is no mapping`]
  const fields = shape as { [field: string]: Shape }
  return Object.entries(value).flatMap(([name, item]) => {
    const expected = shape === 'strings by name' ? 'string' : fields[name]
    return expected === undefined ? [`${path}.${name} is not known`] : faults(item, expected, `${path}.${name}`)
  })
}

describe('lima.yaml', () => {
  it('has no field that Lima 1.x does not know, and each of its documented type', () => {
    expect(faults(template, TEMPLATE, 'lima')).toEqual([])
  })

  it('finds what is wrong: this check can fail', () => {
    const wrong = { ...template, memory: 3, mountz: [], probes: [{ mode: 'liveness' }] }
    expect(faults(wrong, TEMPLATE, 'lima')).toEqual([
      'lima.memory is not /^\\d+(\\.\\d+)?[KMGT]i?B$/',
      'lima.probes[0].mode is not /^readiness$/',
      'lima.mountz is not known',
    ])
  })

  it('has an image for both architectures, and provisions by the script that is there', () => {
    const images = template['images'] as { arch: string }[]
    expect(images.map(({ arch }) => arch).sort()).toEqual(['aarch64', 'x86_64'])
    const scripts = (template['provision'] as { script: string }[]).map(({ script }) => script)
    const named = /\/mnt\/glasspod\/(scripts\/\S+)/.exec(scripts.join('\n'))?.[1] ?? ''
    expect(existsSync(`${ROOT}${named}`)).toBe(true)
  })

  it('takes what its parameters are called', () => {
    const used = [...JSON.stringify(template).matchAll(/\{\{\.Param\.(\w+)\}\}/g)].map(([, name]) => name)
    expect(used).toEqual(Object.keys(template['param'] as object))
  })
})
