/** Is someone there? On the path of every command: one connection over a unix socket, 0.1 ms. */
import { connect } from 'node:net'

export const isAnswering = (socketPath: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(socketPath)
    const settle = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => settle(true))
    // EAGAIN: so many others wait that there is no place in its queue
    socket.once('error', (error: NodeJS.ErrnoException) => settle(error.code === 'EAGAIN'))
  })
