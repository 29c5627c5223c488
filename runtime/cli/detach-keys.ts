/** ctrl-p ctrl-q leaves the container running and gives the terminal back (docker's default detach keys). */
const CTRL_P = 0x10
const CTRL_Q = 0x11

/** What of the typed bytes goes on; a ctrl-p is held until the next byte tells what it meant. */
export const makeDetachKeys = (): ((typed: Buffer) => { pass: Buffer; detach: boolean }) => {
  let held = false
  return (typed) => {
    const pass: number[] = []
    for (const byte of typed) {
      if (held && byte === CTRL_Q) return { pass: Buffer.from(pass), detach: true }
      if (held) pass.push(CTRL_P)
      held = byte === CTRL_P
      if (!held) pass.push(byte)
    }
    return { pass: Buffer.from(pass), detach: false }
  }
}
