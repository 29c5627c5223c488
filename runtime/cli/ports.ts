/** A published port, as docker shows it: `0.0.0.0:8080->80/tcp`. */
import type { Port } from './api.ts'

export const formatPort = (port: string | Port): string => {
  if (typeof port === 'string') return port
  const inside = `${port.PrivatePort}/${port.Type}`
  if (port.PublicPort === undefined) return inside
  const address = port.IP === undefined ? '' : port.IP.includes(':') ? `[${port.IP}]:` : `${port.IP}:`
  return `${address}${port.PublicPort}->${inside}`
}
