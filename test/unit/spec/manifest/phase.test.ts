import { expect, test } from 'vitest'
import { phaseOf } from '../../../../runtime/spec/manifest/phase.ts'

test('the phase of a pod is that of its containers together', () => {
  const ended = (exitCode?: number) => ({ status: 'exited' as const, exitCode })
  expect(phaseOf([])).toBe('Pending')
  expect(phaseOf([{ status: 'created' }, { status: 'running' }])).toBe('Pending')
  expect(phaseOf([{ status: 'running' }, ended(1)])).toBe('Running')
  expect(phaseOf([{ status: 'restarting' }, ended(1)])).toBe('Running')
  expect(phaseOf([ended(0), ended(0)])).toBe('Succeeded')
  expect(phaseOf([ended(0), ended(3)])).toBe('Failed')
  expect(phaseOf([ended()])).toBe('Failed')
})
