import { expect, it, describe } from 'vitest'
import { resolveDevice, splitDevice } from '../../../runtime/agent/limits.ts'
import { mergeLimits } from '../../../runtime/agent/update.ts'
import type { Limits } from '../../../runtime/spec/limits.ts'
import { refusal } from '../kernel/refusal.ts'

describe('a device', () => {
  // gnu_dev_makedev of sysmacros.h: twelve bits of major, eight of minor, then the upper bits of both.
  it.each([
    [0x0800, 8, 0],
    [0xfe10, 254, 16],
    [0x1_00000, 0, 256],
    [Number((0x1000n << 32n) | 0x0801n), 0x1008, 1],
  ])('%i is %i:%i', (rdev, major, minor) => expect(splitDevice(rdev)).toEqual({ major, minor }))

  it('is a disk, or refused with what it is', () => {
    expect(refusal(() => resolveDevice('/dev/null'))).toBe('/dev/null cannot be limited')
    expect(refusal(() => resolveDevice('/dev/no-such-disk'))).toBe('/dev/no-such-disk cannot be limited')
  })
})

describe('an update', () => {
  const MiB = 1024 * 1024
  it.each<[Limits, Limits, Limits]>([
    [{ Memory: 64 * MiB, PidsLimit: 5 }, { PidsLimit: 9 }, { Memory: 64 * MiB, PidsLimit: 9 }],
    [{ NanoCpus: 1e9 }, { CpuQuota: 5000 }, { CpuQuota: 5000 }],
    [{ CpuQuota: 5000, CpuPeriod: 9000 }, { NanoCpus: 1e9 }, { NanoCpus: 1e9 }],
    [{ CpuQuota: 5000, CpuPeriod: 9000 }, { CpuQuota: 7000 }, { CpuQuota: 7000, CpuPeriod: 9000 }],
    [
      { CgroupConf: { 'memory.high': '1' } },
      { CgroupConf: { 'memory.low': '2' } },
      { CgroupConf: { 'memory.high': '1', 'memory.low': '2' } },
    ],
    [{ Memory: 64 * MiB }, { Memory: 512 * MiB }, { Memory: 512 * MiB }],
    [{ Memory: 64 * MiB, MemorySwap: -1 }, { Memory: 512 * MiB }, { Memory: 512 * MiB, MemorySwap: -1 }],
  ])('of %j with %j is %j', (before, asked, after) => expect(mergeLimits(before, asked)).toEqual(after))

  it('may not take memory over the swap that was set', () => {
    const before = { Memory: 64 * MiB, MemorySwap: 128 * MiB }
    expect(refusal(() => mergeLimits(before, { Memory: 256 * MiB }))).toBe(
      'memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time',
    )
    expect(mergeLimits(before, { Memory: 256 * MiB, MemorySwap: 256 * MiB })).toEqual({
      Memory: 256 * MiB,
      MemorySwap: 256 * MiB,
    })
  })
})
