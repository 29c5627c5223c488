import { existsSync } from 'node:fs'
import type { Level, Witness } from '../level.ts'
import { devicesOf } from '../network-facts.ts'

/** Lines of /proc/PID/net/route begin with the device and the destination, least significant byte first. */
const DEFAULT_BY_GATEWAY = /^eth0\t00000000\t01000A0A\t/m
/** 192.0.2.0, unreachable: RTF_UP | RTF_REJECT of linux/route.h. */
const REFUSED = /^\*\t000200C0\t00000000\t0201\t/m

const LEASE = 'leases/lab/10.10.0.2'
/** As the plugin calls it, after the address. */
const VETH = 'veth0a0a0002'

/** Addresses of the namespace itself are leaves of its own table (proc_net(5)). */
const hasAddress = (see: Witness, pid: number, address: string): boolean =>
  new RegExp(`\\|-- ${address}\\n\\s+/32 host LOCAL`).test(see.read(`/proc/${pid}/net/fib_trie`))

export const level: Level = {
  id: '10',
  name: 'cni',
  title: { en: 'A CNI plugin, called by hand', zh: '手工调用一个 CNI 插件' },
  concept: {
    en: 'What level 09 did with a dozen commands, a container runtime leaves to a plugin. The Container Network Interface says how it is called: it is a program; the verb and the container come in its environment, the network’s configuration on standard input; the result, or an error object, goes to standard output. There is nothing else to it, so a shell will do as the runtime.',
    zh: '第 09 关用十几条命令做的事，容器运行时会交给插件去做。CNI（容器网络接口）规定了怎么调用插件：它就是一个程序；动作和容器信息放在环境变量里，网络配置从标准输入读入，结果或错误对象写到标准输出。仅此而已，所以拿 shell 当运行时也够了。',
  },
  watch:
    "watch -n 1 'grep -r . leases; nsenter -t $(pgrep -o -P $shell -x sleep) -U -n --preserve-credentials ip -brief address'",
  image: 'stored',
  steps: [
    {
      say: {
        en: 'The plugin is a file below CNI_PATH: here it is glasspod’s bridge. Ask it which versions of the specification it knows.',
        zh: '插件就是 CNI_PATH 下的一个文件：这里用的是 glasspod 自带的 bridge。先问它认识哪些版本的规范。',
      },
      run: 'head -3 $CNI_PATH/bridge | cut -c 1-76\nCNI_COMMAND=VERSION $CNI_PATH/bridge </dev/null',
      check: (see) => /"supportedVersions":\[.*"1\.0\.0"/.test(see.output),
      fact: { en: 'one line of JSON, with version 1.0.0 in it', zh: '一行 JSON，其中有 1.0.0 版' },
      nearly: { en: 'The variable is called CNI_COMMAND.', zh: '变量名是 CNI_COMMAND。' },
    },
    {
      say: {
        en: 'Namespaces to connect: a node, where the bridge will be, and two pods. As in level 09.',
        zh: '准备要连接的命名空间：一个放网桥的节点，两个 Pod。做法同第 09 关。',
      },
      run: 'unshare --map-root-user --net sleep 1000 & node=$!\nuntil [ "$(cat /proc/$node/comm)" = sleep ]; do :; done\nfor name in pod other; do nsenter --target $node --user --preserve-credentials -- unshare --net sleep 1000 & eval $name=$!; done\nuntil [ "$(cat /proc/$pod/comm /proc/$other/comm | sort -u)" = sleep ]; do :; done\nreadlink /proc/$node/ns/net /proc/$pod/ns/net /proc/$other/ns/net',
      check: async (see) => {
        const inodes = await Promise.all(
          ['node', 'pod', 'other'].map(async (name) => see.namespace(await see.pid(name), 'net')),
        )
        return !inodes.includes('') && new Set(inodes).size === 3
      },
      fact: { en: 'three network namespaces, with nothing in them', zh: '三个网络命名空间，里面都空空如也' },
      nearly: {
        en: 'node, pod and other should be sleeps in namespaces of their own.',
        zh: 'node、pod 和 other 应当是各自处在自己命名空间里的 sleep。',
      },
    },
    {
      say: {
        en: 'The administrator describes a network in a conflist: plugins in their order. The runtime hands each plugin its own entry, with the name and the version of the list. The subnet is a small one on purpose.',
        zh: '管理员用 conflist 描述一个网络，按顺序列出插件。运行时把每个插件自己的那一项交给它，再补上列表的名字和版本。子网故意取得很小。',
      },
      run: 'cat >lab.conflist <<END\n{"cniVersion": "1.0.0", "name": "lab", "plugins": [\n  {"type": "bridge", "bridge": "br-lab", "isDefaultGateway": true,\n   "ipam": {"type": "host-local", "subnet": "10.10.0.0/30", "dataDir": "$DIR/leases"}},\n  {"type": "deny", "network": "192.0.2.0/24"}]}\nEND\nentry() { jq -c ".plugins[$1] + {name, cniVersion}" lab.conflist; }\nentry 0',
      check: (see) => /"type":"bridge"/.test(see.output) && /"name":"lab"/.test(see.output),
      fact: { en: 'what the plugin bridge is going to read', zh: '这就是插件 bridge 将要读到的内容' },
      nearly: {
        en: 'lab.conflist should be JSON: jq . lab.conflist',
        zh: 'lab.conflist 应当是合法的 JSON：jq . lab.conflist',
      },
    },
    {
      say: { en: 'Attach a container: ADD. Which one, and where?', zh: '接入一个容器：ADD。可是接哪个？接到哪里？' },
      run: 'entry 0 | CNI_COMMAND=ADD $CNI_PATH/bridge',
      fails: {
        en: 'A failure has an exit code that is not 0, and an error object: code and msg. Codes below 100 are the specification’s, and 4 is an environment variable.',
        zh: '失败时退出码不为 0，并输出一个错误对象：code 和 msg。100 以下的代码由规范定义，其中 4 表示环境变量有问题。',
      },
      check: (see) => /"code":4,"msg":"CNI_CONTAINERID/.test(see.output),
      fact: { en: 'code 4: it does not know the container', zh: 'code 4：它不知道是哪个容器' },
      nearly: { en: 'Only CNI_COMMAND should be set.', zh: '应当只设置 CNI_COMMAND。' },
    },
    {
      say: {
        en: 'All of it: the container’s name, its network namespace, and what the interface is to be called there. The plugin runs where the bridge is to be.',
        zh: '这次给全：容器的名字、它的网络命名空间、接口在里面叫什么。插件要在将来放网桥的地方运行。',
      },
      run: 'in_net() { pid=$1; shift; nsenter --target $node --user --preserve-credentials -- nsenter --net=/proc/$pid/ns/net -- "$@"; }\ncni() { # VERB CONTAINER PID PLUGIN\n  in_net $node env CNI_COMMAND=$1 CNI_CONTAINERID=$2 \\\n    CNI_NETNS=/proc/$3/ns/net CNI_IFNAME=eth0 CNI_PATH=$CNI_PATH $4\n}\nentry 0 | cni ADD box $pod $CNI_PATH/bridge >result.json\njq -c ".interfaces[], .ips[], .routes[]" result.json',
      check: async (see) => {
        const [node, pod] = [await see.pid('node'), await see.pid('pod')]
        return (
          ['br-lab', VETH].every((name) => devicesOf(see, node).includes(name)) &&
          hasAddress(see, pod, '10.10.0.2') &&
          DEFAULT_BY_GATEWAY.test(see.read(`/proc/${pod}/net/route`)) &&
          /"10\.10\.0\.2\/30"/.test(see.read('result.json'))
        )
      },
      fact: {
        en: 'the result is true: br-lab and the cable are in the node, 10.10.0.2 and a default route in the pod',
        zh: '结果属实：节点里有 br-lab 和网线，Pod 里有 10.10.0.2 和默认路由',
      },
      nearly: {
        en: 'The plugin should run in the node’s network namespace, and CNI_NETNS should be the pod’s.',
        zh: '插件应当在节点的网络命名空间里运行，而 CNI_NETNS 应当是 Pod 的。',
      },
    },
    {
      say: {
        en: 'The plugin is gone; who remembers that the address is taken? Files do, one for each address (IPAM).',
        zh: '插件早已退出，谁记得这个地址已被占用？文件记得：一个地址一个文件（IPAM）。',
      },
      run: 'ls leases/lab; cat leases/lab/10.10.0.2',
      check: (see) => see.read(LEASE) === 'box eth0\n',
      fact: {
        en: 'the lease of 10.10.0.2 names the container and its interface',
        zh: '10.10.0.2 的租约写着容器和接口的名字',
      },
      nearly: {
        en: 'The leases are in leases/lab, after dataDir and name.',
        zh: '租约在 leases/lab 里，由 dataDir 和 name 拼成。',
      },
    },
    {
      say: {
        en: 'A second container. A /30 has two addresses for hosts, and the gateway has one of them.',
        zh: '再接第二个容器。/30 只有两个主机地址，网关已经占了一个。',
      },
      run: 'entry 0 | cni ADD box2 $other $CNI_PATH/bridge',
      fails: {
        en: 'A good plugin takes back what it made. The runtime calls DEL all the same, for every plugin of the list: the specification asks for it after a failed ADD, too, and DEL needs only the container’s name.',
        zh: '好的插件会自己收拾干净。即便如此，运行时仍要对列表里的每个插件调用 DEL：规范要求 ADD 失败之后也这样做，而 DEL 只需要容器的名字。',
      },
      check: async (see) =>
        /"code":100,"msg":"[^"]*no free address/.test(see.output) &&
        devicesOf(see, await see.pid('other')).join() === 'lo',
      fact: {
        en: 'code 100, one of the plugin’s own; and no eth0 in the other pod',
        zh: 'code 100，插件自定义的代码；另一个 Pod 里没有 eth0',
      },
      nearly: { en: 'box should still hold the one free address.', zh: '唯一的空闲地址应当仍由 box 占着。' },
    },
    {
      say: {
        en: 'The list has a second plugin, deny. Write it: a plugin further on gets the result so far as prevResult, does its part and prints the result again.',
        zh: '列表里还有第二个插件 deny，那就写一个：后面的插件会在 prevResult 里收到前面的结果，做完自己的事，再把结果原样打印出来。',
      },
      run: 'cat >bin/deny <<\'END\'\n#!/bin/sh\ninput=$(cat)\n[ "$CNI_COMMAND" = ADD ] || exit 0\nnsenter --net="$CNI_NETNS" -- ip route add unreachable "$(echo "$input" | jq -r .network)" >&2 &&\n  echo "$input" | jq -c .prevResult\nEND\nchmod +x bin/deny\nentry 1 | jq -c --slurpfile before result.json ". + {prevResult: \\$before[0]}" | cni ADD box $pod $DIR/bin/deny >second.json\ncmp result.json second.json || jq -c .ips second.json',
      check: async (see) =>
        REFUSED.test(see.read(`/proc/${await see.pid('pod')}/net/route`)) &&
        /10\.10\.0\.2/.test(see.read('second.json')),
      fact: {
        en: 'a route that refuses 192.0.2.0/24 (flag 0200 is RTF_REJECT), and the address was handed on',
        zh: '多了一条拒绝 192.0.2.0/24 的路由（标志 0200 即 RTF_REJECT），地址也传了下去',
      },
      nearly: {
        en: 'deny should print .prevResult, and nothing else, to standard output.',
        zh: 'deny 应当只把 .prevResult 打印到标准输出，别的什么都不要。',
      },
    },
    {
      say: {
        en: 'Is it still so? CHECK compares the result with the kernel. Somebody has meddled:',
        zh: '现在还是那样吗？CHECK 拿结果与内核对照。有人动过手脚：',
      },
      run: 'check() { entry 0 | jq -c --slurpfile before result.json ". + {prevResult: \\$before[0]}" | cni CHECK box $pod $CNI_PATH/bridge; }\ncheck && echo as it was\nin_net $pod ip address flush dev eth0\ncheck',
      fails: {
        en: 'CHECK says what is wrong and mends nothing. The runtime decides: mostly it makes the pod anew.',
        zh: 'CHECK 只指出问题，不负责修复。怎么办由运行时决定：多半是重建这个 Pod。',
      },
      check: async (see) =>
        /^as it was$/m.test(see.output) &&
        /"code":103,"msg":"interface eth0: lacks address/.test(see.output) &&
        !hasAddress(see, await see.pid('pod'), '10.10.0.2'),
      fact: { en: 'silent at first; then it misses the address', zh: '起先一声不吭；之后发现地址不见了' },
      nearly: {
        en: 'CHECK needs the whole result as prevResult, and eth0 should have lost its address.',
        zh: 'CHECK 需要完整的结果作为 prevResult，而 eth0 应当已经没有地址。',
      },
    },
    {
      say: {
        en: 'DEL, in the reverse order of the list, and twice: it must not fail when there is nothing left, not even the namespace.',
        zh: 'DEL，按列表的逆序，而且调用两次：哪怕什么都不剩了，连命名空间也没了，它也不许失败。',
      },
      run: 'entry 1 | cni DEL box $pod $DIR/bin/deny\nentry 0 | cni DEL box $pod $CNI_PATH/bridge && entry 0 | cni DEL box 999999999 $CNI_PATH/bridge\necho $?; ls leases/lab',
      check: async (see) =>
        /^0$/m.test(see.output) &&
        see.read(LEASE) === '' &&
        devicesOf(see, await see.pid('node')).join() === 'lo,br-lab' &&
        devicesOf(see, await see.pid('pod')).join() === 'lo',
      fact: {
        en: 'cable and lease are gone, and the second DEL had no complaint',
        zh: '网线和租约都没了，第二次 DEL 也没有怨言',
      },
      nearly: { en: 'DEL has to name the same container: box.', zh: 'DEL 必须指明同一个容器：box。' },
    },
    {
      say: {
        en: 'The same by glasspod: its conflist, the call it makes, the lease while the container lives.',
        zh: '用 glasspod 做同样的事：看看它的 conflist、它发出的调用，以及容器活着时的租约。',
      },
      run: 'glasspod run -d --name level10 --explain $IMAGE sleep 1000 2>&1 | grep -A 7 "network.attach"\njq -c .plugins $GLASSPOD_ROOT/networks/*.conflist | cut -c 1-76\nbox=$(glasspod inspect level10 | jq ".[0].State.Pid")\nlease=$(grep -l " eth0$" $GLASSPOD_ROOT/run/cni/glasspod/10.*); echo $lease',
      check: async (see) => {
        const address = (await see.value('lease')).split('/').at(-1) ?? ''
        return address !== '' && /CNI_COMMAND=ADD/.test(see.output) && hasAddress(see, await see.pid('box'), address)
      },
      fact: { en: 'the leased address is the one in the container', zh: '租约里的地址正是容器里的那个' },
      nearly: { en: 'box should be the pid of the container’s process.', zh: 'box 应当是容器进程的 pid。' },
    },
    {
      say: { en: 'And the DEL:', zh: '然后是 DEL：' },
      run: 'glasspod rm -f level10\nls $lease',
      fails: {
        en: 'The end of a container is a DEL of each plugin in reverse: so no lease outlives its container.',
        zh: '容器结束时，各插件按逆序执行 DEL：租约因此不会比容器活得更久。',
      },
      check: async (see) => {
        const lease = await see.value('lease')
        return lease !== '' && !existsSync(lease)
      },
      fact: { en: 'no such file: the address is free', zh: '没有这个文件：地址已释放' },
      nearly: { en: 'glasspod ps -a should not list level10 any more.', zh: 'glasspod ps -a 里不应再有 level10。' },
    },
  ],
  question: {
    ask: {
      en: 'The machine loses power after ADD, before the runtime has written down the result. What is left, and how does it ever go away?',
      zh: 'ADD 之后，运行时还没来得及记下结果，机器就断电了。会留下什么？又怎么清得掉？',
    },
    answer: {
      en: 'The veth dies with the kernel, the lease is a file and stays: an address that nobody has and nobody gets. DEL needs only the container’s name, so a runtime calls it before it makes a sandbox of that name again; or it keeps the leases on a tmpfs, where they end with the machine as well. glasspod does: they are in its runtime directory.',
      zh: 'veth 随内核一起消失，租约却是文件，会留下来：这个地址谁也没在用，谁也拿不到。DEL 只需要容器的名字，所以运行时在重建同名沙箱之前先调用一次 DEL；或者把租约放在 tmpfs 上，断电时一起消失。glasspod 就是这样：租约在它的运行时目录里。',
    },
  },
}
