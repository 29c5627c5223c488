import type { Level, Witness } from '../level.ts'
import { devicesOf } from '../network-facts.ts'

/** The neighbour's hardware address is known: a frame came back (flag 0x2 is ATF_COM). */
const hasMet = (see: Witness, pid: number, address: string): boolean =>
  new RegExp(`^${address.replaceAll('.', '\\.')}\\s+0x1\\s+0x2\\s`, 'm').test(see.read(`/proc/${pid}/net/arp`))

export const level: Level = {
  id: '09',
  name: 'network',
  title: { en: 'Network namespaces, veth, a bridge', zh: '网络命名空间、veth 与网桥' },
  concept: {
    en: 'A network namespace has its own interfaces, addresses, routes, ports and firewall. A new one has nothing but a loopback that is down. Virtual cables (veth) lead from one to another; a bridge is the switch that they are plugged into.',
    zh: '网络命名空间有自己的接口、地址、路由、端口和防火墙。新建的那个只有一个没启用的回环接口。虚拟网线（veth）把命名空间彼此连起来；网桥则是这些网线插进去的交换机。',
  },
  watch: "watch -n 1 'nsenter -t $(pgrep -o -P $shell -x sleep) -U -n --preserve-credentials ip -brief address'",
  image: 'stored',
  steps: [
    {
      say: {
        en: 'A namespace that plays the machine with the switch. What is in it?',
        zh: '先建一个命名空间，扮演装着交换机的机器。里面有什么？',
      },
      run: 'unshare --map-root-user --net sleep 1000 & node=$!\nuntil [ "$(cat /proc/$node/comm)" = sleep ]; do :; done\nin_node() { nsenter --target $node --user --net --preserve-credentials -- "$@"; }\nin_node ip -brief link',
      check: async (see) =>
        devicesOf(see, await see.pid('node')).join() === 'lo' &&
        see.namespace(await see.pid('node'), 'net') !== see.namespace('self', 'net'),
      fact: { en: 'lo, and it is down', zh: '只有 lo，而且没有启用' },
      nearly: {
        en: 'node should be the sleep in a new network namespace.',
        zh: 'node 应当是处在新网络命名空间里的 sleep。',
      },
    },
    {
      say: { en: 'A bridge out here, on the real machine?', zh: '在外面，也就是真正的机器上建一个网桥？' },
      run: 'ip link add learn0 type bridge',
      fails: {
        en: 'The first network namespace belongs to the first user namespace: CAP_NET_ADMIN is needed there.',
        zh: '最初的网络命名空间归最初的用户命名空间所有：需要那里的 CAP_NET_ADMIN。',
      },
      check: (see) => see.exitCode !== 0 && !/learn0/.test(see.read('/proc/self/net/dev')),
      fact: { en: 'refused', zh: '被拒绝' },
      nearly: { en: 'An ordinary user should be refused.', zh: '普通用户应当被拒绝。' },
    },
    {
      say: { en: 'In the node it is ours to make.', zh: '在节点里，这就归我们管了。' },
      run: 'in_node ip link add br0 type bridge\nin_node ip address add 10.9.0.1/24 dev br0\nin_node ip link set br0 up\nin_node ip -brief address',
      check: async (see) => devicesOf(see, await see.pid('node')).includes('br0'),
      fact: { en: 'br0 is there, with the address of a gateway', zh: 'br0 出现了，并带着网关地址' },
      nearly: {
        en: 'br0 should be made in the node: in_node ip link add br0 type bridge',
        zh: 'br0 应当建在节点里：in_node ip link add br0 type bridge',
      },
    },
    {
      say: {
        en: 'Two pods: namespaces that the same user namespace owns, so that their cables may be moved by it.',
        zh: '两个 Pod：由同一个用户命名空间拥有的网络命名空间，这样它就可以把网线递进去。',
      },
      run: 'for name in a b; do nsenter --target $node --user --preserve-credentials -- unshare --net sleep 1000 & eval $name=$!; done\nuntil [ "$(cat /proc/$a/comm /proc/$b/comm | sort -u)" = sleep ]; do :; done\nreadlink /proc/$node/ns/net /proc/$a/ns/net /proc/$b/ns/net',
      check: async (see) => {
        const inodes = await Promise.all(
          ['node', 'a', 'b'].map(async (name) => see.namespace(await see.pid(name), 'net')),
        )
        return new Set(inodes).size === 3
      },
      fact: { en: 'three network namespaces', zh: '三个网络命名空间' },
      nearly: {
        en: 'a and b should be sleeps in namespaces of their own.',
        zh: 'a 和 b 应当是各自处在自己命名空间里的 sleep。',
      },
    },
    {
      say: {
        en: 'A cable each: one end is born in the pod as eth0, the other is plugged into the bridge. Then an address and the way out.',
        zh: '每个 Pod 一根网线：一头生在 Pod 里，叫 eth0；另一头插进网桥。然后配上地址和出口路由。',
      },
      run: 'in_pod() { pod=$1; shift; nsenter --target $pod --user --net --preserve-credentials -- "$@"; }\nwire() {\n  in_node ip link add cable$2 type veth peer name eth0 netns $1\n  in_node ip link set cable$2 master br0 up\n  in_pod $1 ip address add 10.9.0.$2/24 dev eth0\n  in_pod $1 ip link set eth0 up\n  in_pod $1 ip route add default via 10.9.0.1\n}\nwire $a 2 && wire $b 3\nin_pod $a ip route',
      check: async (see) => {
        const a = await see.pid('a')
        return (
          devicesOf(see, a).includes('eth0') && /^eth0\t00000000\t0100090A\t/m.test(see.read(`/proc/${a}/net/route`))
        )
      },
      fact: {
        en: '/proc/$a/net/route has a default route by 10.9.0.1 (read it backwards: 0100090A)',
        zh: '/proc/$a/net/route 里有经 10.9.0.1 的默认路由（要倒着读：0100090A）',
      },
      nearly: {
        en: 'eth0 has to be up before the route: ip link set eth0 up',
        zh: '加路由之前 eth0 必须启用：ip link set eth0 up',
      },
    },
    {
      say: { en: 'Does one reach the other?', zh: '它们能互通吗？' },
      run: 'in_pod $a busybox ping -c 1 -W 2 10.9.0.3',
      check: async (see) => see.exitCode === 0 && hasMet(see, await see.pid('a'), '10.9.0.3'),
      fact: {
        en: 'an answer; and the neighbour’s hardware address is in /proc/$a/net/arp',
        zh: '有应答；邻居的硬件地址也进了 /proc/$a/net/arp',
      },
      nearly: {
        en: 'Both cables have to be up and on the bridge: in_node bridge link',
        zh: '两根网线都要启用并插在网桥上：in_node bridge link',
      },
    },
    {
      say: {
        en: 'The way out needs forwarding and one address for all. nft(8) rewrites the sender’s address.',
        zh: '要出去，还得开启转发，并让大家共用一个地址：由 nft(8) 改写源地址。',
      },
      run: "in_node sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'\nin_node nft 'add table ip learn; add chain ip learn out { type nat hook postrouting priority srcnat; }; add rule ip learn out ip saddr 10.9.0.0/24 oifname != \"br0\" masquerade'\nin_node nft list ruleset",
      check: async (see) =>
        /masquerade/.test(see.output) && /^Ip: 1 /m.test(see.read(`/proc/${await see.pid('node')}/net/snmp`)),
      fact: {
        en: 'the node forwards, and the rule is in it alone: the firewall of the machine is as it was',
        zh: '节点已开启转发，规则也只在节点里：机器自己的防火墙没有变化',
      },
      nearly: {
        en: 'nft list ruleset in the node should show masquerade, and ip_forward there should be 1.',
        zh: '在节点里执行 nft list ruleset 应当能看到 masquerade，那里的 ip_forward 应当是 1。',
      },
    },
    {
      say: {
        en: 'The same by glasspod. Its plugin, cni/bridge, is a shell script with these commands in it.',
        zh: '用 glasspod 做同样的事。它的插件 cni/bridge 就是一个写着这些命令的 shell 脚本。',
      },
      run: 'glasspod run -d --name level9 $IMAGE sleep 1000\nbox=$(glasspod inspect level9 | jq ".[0].State.Pid")\nglasspod exec level9 ip route\nglasspod explain run $IMAGE true | grep -A 3 "network.attach"',
      check: async (see) => devicesOf(see, await see.pid('box')).includes('eth0') && /CNI_COMMAND=ADD/.test(see.output),
      fact: {
        en: 'eth0, a default route by the bridge, and a plugin that was called with ADD',
        zh: 'eth0、经网桥的默认路由，以及以 ADD 调用的插件',
      },
      nearly: { en: 'box should be the pid of the container’s process.', zh: 'box 应当是容器进程的 pid。' },
    },
  ],
  question: {
    ask: {
      en: 'The node’s own way to the internet is not a veth to the machine. Why not?',
      zh: '节点自己通往互联网的路，并不是一根连到机器上的 veth。为什么？',
    },
    answer: {
      en: 'An end of it would have to be in the machine’s namespace, where an ordinary user may make nothing. slirp4netns or pasta opens a tap device inside, and makes each connection again outside, as an ordinary program with ordinary sockets.',
      zh: '网线的一头得放进机器的命名空间，而普通用户在那里什么也建不了。slirp4netns 或 pasta 在里面打开一个 tap 设备，再以普通程序的身份，用普通套接字在外面把每条连接重新建立一遍。',
    },
  },
}
