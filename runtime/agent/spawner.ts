/** The agent's spawner (plan/spawner.ts): started with the agent, ends with it, and is started again if it was killed. */
import { rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { compileProgram } from '../init/program.ts'
import { findExecutable } from '../kernel/executables.ts'
import { launchProgram, startBy, type Birth } from '../launch.ts'
import { formatRequest, planSpawner, REQUEST } from '../plan/spawner.ts'

/** @param directory the runtime directory. Until it resolves, and where it rejects, the agent starts programs itself. */
export const startSpawner = async (directory: string): Promise<void> => {
  const socketPath = `${directory}/spawn.sock`
  rmSync(socketPath, { force: true })
  const calls = planSpawner(socketPath)
  await launchProgram({ prefix: [], calls, file: `${directory}/spawner` })
  const at = compileProgram(calls).addressOf(REQUEST)
  const again = (): void => {
    startBy(undefined)
    startSpawner(directory).catch((error: unknown) => console.error('spawner:', error))
  }
  const spare = (): Socket => {
    const socket = connect(socketPath).unref()
    socket.on('error', () => undefined)
    // The spawner was killed, and has refused it; or the process that waited was.
    return socket.once('close', again)
  }
  // A process that is born already, and waits for what it is to become: a start does not wait for its birth.
  let next = spare()
  startBy((birth) => {
    const request = requestOf(birth, at)
    if (request === undefined) return undefined
    const socket = next.off('close', again).ref()
    socket.write(request)
    next = spare()
    return socket
  })
}

const requestOf = ({ argv, directory, errorFile }: Birth, at: number): Buffer | undefined => {
  const [command = ''] = argv
  const file = command.includes('/') ? command : findExecutable(command)
  return file === undefined ? undefined : formatRequest({ file, argv, directory, errors: errorFile }, at)
}
