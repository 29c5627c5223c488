/** What went through the interfaces of a network namespace (proc_pid_net(5), /proc/PID/net/dev). */
export interface NetworkUse {
  rx_bytes: number
  rx_packets: number
  rx_errors: number
  rx_dropped: number
  tx_bytes: number
  tx_packets: number
  tx_errors: number
  tx_dropped: number
}

/** By interface, with the names of the Docker Engine API; the loopback is nobody's traffic. */
export const parseNetworkUse = (text: string): Record<string, NetworkUse> =>
  Object.fromEntries(
    text.split('\n').flatMap((line) => {
      const [, name = '', rest = ''] = /^\s*([^:\s]+):\s*(.*)$/.exec(line) ?? []
      if (name === '' || name === 'lo') return []
      const field = rest.trim().split(/\s+/).map(Number)
      const of = (index: number) => field[index] ?? 0
      return [
        [
          name,
          {
            rx_bytes: of(0),
            rx_packets: of(1),
            rx_errors: of(2),
            rx_dropped: of(3),
            tx_bytes: of(8),
            tx_packets: of(9),
            tx_errors: of(10),
            tx_dropped: of(11),
          },
        ],
      ]
    }),
  )
