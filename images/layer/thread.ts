/** The program of a thread that unpacks (dist/unpack.cjs): one layer after the other, as threads.ts sends them. */
import { parentPort } from 'node:worker_threads'
import { Growth } from './growth.ts'
import { fromFault, toFault, type Fault, type FromThread, type ToThread } from './thread-messages.ts'
import { unpackHere } from './unpacker.ts'

const port = parentPort
if (port === null) throw new Error('this is the program of a thread')
const tell = (message: FromThread): void => port.postMessage(message)

let growth = new Growth()
let onMarked: (fault: Fault | undefined) => void = () => undefined

const unpack = async ({ descriptor, directory, options }: Extract<ToThread, { kind: 'unpack' }>): Promise<void> => {
  try {
    const layer = await unpackHere({
      descriptor,
      growth,
      directory,
      onRead: (bytes) => tell({ kind: 'read', bytes }),
      options: {
        ...options,
        applyMarks: (marks) =>
          new Promise((resolve, reject) => {
            onMarked = (fault) => (fault === undefined ? resolve() : reject(fromFault(fault)))
            tell({ kind: 'marks', marks })
          }),
      },
    })
    tell({ kind: 'unpacked', layer })
  } catch (error) {
    tell({ kind: 'failed', fault: toFault(error) })
  }
}

port.on('message', (message: ToThread) => {
  switch (message.kind) {
    case 'unpack':
      growth = new Growth()
      void unpack(message)
      break
    case 'grown':
      growth.reach(message.grown)
      break
    case 'stop':
      growth.fail(new Error('stopped'))
      break
    case 'marked':
      onMarked(message.fault)
  }
})
