import { expect, it } from 'vitest'
import { parseThrottle, planBlockIo } from '../../../runtime/spec/block-io.ts'
import { refusal } from '../kernel/refusal.ts'

it.each([
  ['/dev/vda:1mb', 'bps', { Path: '/dev/vda', Rate: 1024 * 1024 }],
  ['/dev/vda:1', 'bps', { Path: '/dev/vda', Rate: 1 }],
  ['/dev/disk/by-id/a:b:2kb', 'bps', { Path: '/dev/disk/by-id/a:b', Rate: 2048 }],
  ['/dev/vda:100', 'iops', { Path: '/dev/vda', Rate: 100 }],
] as const)('%s in %s', (word, unit, device) => expect(parseThrottle(word, unit)).toEqual(device))

it.each([
  ['/dev/vda', 'bps', 'bad format: /dev/vda'],
  ['/dev/vda:', 'bps', 'bad format: /dev/vda:'],
  [':1mb', 'bps', 'bad format: :1mb'],
  ['vda:1mb', 'bps', 'bad format for device path: vda:1mb'],
  ['/dev/vda:much', 'bps', 'invalid rate for device: /dev/vda:much'],
  ['/dev/vda:-1', 'bps', 'invalid rate for device: /dev/vda:-1'],
  ['/dev/vda:0', 'bps', 'invalid rate for device: /dev/vda:0'],
  ['/dev/vda:1mb', 'iops', 'invalid rate for device: /dev/vda:1mb'],
] as const)('%s in %s is refused', (word, unit, message) =>
  expect(refusal(() => parseThrottle(word, unit))).toBe(message),
)

it('devices are numbers in config.json', () => {
  const resolve = (path: string) => ({ major: 254, minor: path === '/dev/vdb' ? 16 : 0 })
  expect(
    planBlockIo(
      {
        BlkioDeviceReadBps: [
          { Path: '/dev/vda', Rate: 1 },
          { Path: '/dev/vdb', Rate: 2 },
        ],
        BlkioDeviceWriteIOps: [{ Path: '/dev/vda', Rate: 3 }],
      },
      resolve,
    ),
  ).toEqual({
    throttleReadBpsDevice: [
      { major: 254, minor: 0, rate: 1 },
      { major: 254, minor: 16, rate: 2 },
    ],
    throttleWriteIOPSDevice: [{ major: 254, minor: 0, rate: 3 }],
  })
  expect(planBlockIo({ BlkioDeviceReadBps: [] }, resolve)).toBe(undefined)
})
