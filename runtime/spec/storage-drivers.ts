/** What puts the layers of an image and a container's own together, in the order in which they are tried. */
import { Failure } from '../errors.ts'

export const STORAGE_DRIVERS = ['overlay', 'fuse-overlayfs', 'copy'] as const
export type StorageDriver = (typeof STORAGE_DRIVERS)[number]

/** Forces one: of the agent's environment, and of a client's, which `--storage-driver` writes there. */
export const STORAGE_DRIVER_VARIABLE = 'GLASSPOD_STORAGE_DRIVER'
/** Header of a request whose client asks for one. */
export const STORAGE_DRIVER_HEADER = 'glasspod-storage-driver'

/** Undefined: none is asked for. @throws {Failure} for a name that is none */
export const parseStorageDriver = (word: string | undefined): StorageDriver | undefined => {
  if (word === undefined || word === '') return undefined
  const driver = STORAGE_DRIVERS.find((name) => name === word)
  if (driver !== undefined) return driver
  throw new Failure(`there is no storage driver "${word}"`, {
    id: 'storage.driver',
    try: `--storage-driver or ${STORAGE_DRIVER_VARIABLE}: ${STORAGE_DRIVERS.join(', ')}`,
    exitCode: 125,
    status: 400,
  })
}
