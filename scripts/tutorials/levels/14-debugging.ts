import { existsSync, statSync } from 'node:fs'
import type { Level, Witness } from '../level.ts'
import { portsOf } from '../network-facts.ts'

/** Mount options of a process's mount point (proc_pid_mountinfo(5)). */
const optionsOf = (see: Witness, pid: number, mountPoint: string): string =>
  new RegExp(`^\\d+ \\d+ \\S+ \\S+ ${mountPoint} (\\S+)`, 'm').exec(see.read(`/proc/${pid}/mountinfo`))?.[1] ?? ''

const hasHandler = (mask: string, signal: number): boolean =>
  mask !== '' && (BigInt(`0x${mask}`) & (1n << BigInt(signal - 1))) !== 0n

const SIGTERM = 15

export const level: Level = {
  id: '14',
  name: 'debugging',
  title: { en: 'Debugging: six broken pods', zh: '排错：六个出了问题的 Pod' },
  concept: {
    en: 'Who is at fault: the machine, the request, or the program? doctor answers for the machine. The exit code tells the other two apart: 125 to 127 come from the runtime, 128+n from a signal, everything else from the program, and then its log is where to read. explain, inspect and graph show what was asked for, and the kernel what became of it.',
    zh: '问题出在谁身上：机器、请求，还是程序？机器的事问 doctor。另外两者由退出码区分：125 到 127 来自运行时，128+n 来自信号，其余的都是程序自己的，这时要看它的日志。explain、inspect 和 graph 说明要求了什么，内核说明结果怎样。',
  },
  watch: "watch -n 1 'ps -u $(stat -c %u .) -o pid,stat,comm --sort -start_time | head -20'",
  image: 'stored',
  steps: [
    {
      say: { en: 'Before any pod: is it the machine?', zh: '先不管 Pod：是机器的问题吗？' },
      run: 'glasspod doctor | tail -3',
      check: (see) => /^0 blockers/m.test(see.output),
      fact: {
        en: '0 blockers: containers run here. What is a warning takes one thing away; glasspod doctor ID says which',
        zh: '0 blockers：这里能跑容器。warning 表示少了某一样东西，具体见 glasspod doctor ID',
      },
      nearly: {
        en: 'There is a blocker: glasspod doctor says what to do.',
        zh: '有 blocker：照 glasspod doctor 说的处理。',
      },
    },
    {
      say: { en: 'The first pod does not even start.', zh: '第一个 Pod 根本启动不了。' },
      run: 'glasspod run -d --name web --network none $IMAGE htpd -f -p 80 -h /www',
      fails: {
        en: '127: not found; a script whose interpreter is missing counts as not found, too (ENOENT). 126 would be: found, but it cannot be executed, for want of the x bit, or because it was made for another processor.',
        zh: '127：找不到；脚本的解释器不存在也算找不到（ENOENT）。如果是 126，则是找到了却无法执行：缺少 x 权限，或者是为别的处理器编译的。',
      },
      check: (see) => see.exitCode === 127 && /\[process\.exec\]/.test(see.output),
      fact: { en: 'exit code 127, at the step process.exec', zh: '退出码 127，停在 process.exec 这一步' },
      nearly: { en: 'The misspelt command should be refused.', zh: '拼错的命令应当被拒绝。' },
    },
    {
      say: {
        en: 'explain shows where that step looks: each directory of the image’s PATH, in its order. And what is there?',
        zh: 'explain 说明这一步去哪里找：镜像 PATH 里的各个目录，依次去找。那里又有什么？',
      },
      run: 'glasspod explain run --network none $IMAGE htpd | grep -o \'execve("[^"]*"\' | sort -u\nglasspod run --rm --network none $IMAGE ls /bin | grep tpd\nglasspod run -d --name web --network none $IMAGE httpd -f -p 80 -h /www >/dev/null\nweb=$(glasspod inspect web | jq ".[0].State.Pid")',
      check: async (see) => see.status(await see.pid('web'), 'Name') === 'httpd',
      fact: { en: 'it was one letter; httpd runs', zh: '只差一个字母；httpd 跑起来了' },
      nearly: { en: 'The command is called httpd.', zh: '命令名是 httpd。' },
    },
    {
      say: {
        en: 'The second: two web servers in one pod, front and back. back is gone a moment later.',
        zh: '第二个：一个 Pod 里放两台 Web 服务器，front 和 back。back 转眼就没了。',
      },
      run: 'glasspod pod create --name shop >/dev/null\nserve() { glasspod run -d --pod shop --name $1 $IMAGE httpd -f -p $2 -h /www >/dev/null; }\nserve front 80; front=$(glasspod inspect front | jq ".[0].State.Pid")\nuntil grep -q ":0050 .* 0A " /proc/$front/net/tcp6 /proc/$front/net/tcp; do sleep 0.1; done\nserve back 80; code=$(glasspod wait back); glasspod logs back; (exit $code)',
      fails: {
        en: 'Exit code 1 is the program’s own, so the log is the place: it says what bind(2) answered.',
        zh: '退出码 1 是程序自己给的，所以要看日志：里面写着 bind(2) 返回了什么。',
      },
      check: (see) => see.exitCode === 1 && /Address already in use/.test(see.output),
      fact: { en: 'EADDRINUSE: somebody else has port 80. Who?', zh: 'EADDRINUSE：80 端口被别人占了。是谁？' },
      nearly: { en: 'front should have been there first.', zh: '应当是 front 先启动。' },
    },
    {
      say: {
        en: 'Containers of a pod have one network namespace: see the letter in column NET of graph.',
        zh: '同一个 Pod 的容器共用一个网络命名空间：看 graph 里 NET 那一列的字母。',
      },
      run: 'glasspod graph shop | grep -E "^(POD|shop)"\nglasspod exec front netstat -ltn\nglasspod rm back; serve back 81; back=$(glasspod inspect back | jq ".[0].State.Pid")\nuntil grep -q ":0051 .* 0A " /proc/$front/net/tcp6 /proc/$front/net/tcp; do sleep 0.1; done',
      check: async (see) => {
        const [front, back] = [await see.pid('front'), await see.pid('back')]
        const ports = portsOf(see, front)
        return (
          see.namespace(front, 'net') !== '' &&
          see.namespace(front, 'net') === see.namespace(back, 'net') &&
          [80, 81].every((port) => ports.includes(port))
        )
      },
      fact: { en: 'one namespace, and now two ports: 80 and 81', zh: '一个命名空间，现在有两个端口：80 和 81' },
      nearly: { en: 'back needs another port: serve back 81', zh: 'back 需要换一个端口：serve back 81' },
    },
    {
      say: {
        en: 'The third was made safer, with --read-only, and has not run since.',
        zh: '第三个为了安全加上了 --read-only，从此就没跑起来过。',
      },
      run: 'sleeper=\'echo $$ >/var/pid && exec sleep 1000\'\nglasspod run -d --name cache --network none --read-only $IMAGE sh -c "$sleeper" >/dev/null\ncode=$(glasspod wait cache); glasspod logs cache; (exit $code)',
      fails: {
        en: 'EROFS, which is not EACCES: no owner, mode or capability helps against a read-only mount.',
        zh: '是 EROFS，而不是 EACCES：面对只读挂载，换属主、改权限、给能力都没用。',
      },
      check: (see) => see.exitCode !== 0 && /Read-only file system/.test(see.output),
      fact: { en: 'it wanted to write /var/pid', zh: '它想写 /var/pid' },
      nearly: { en: '--read-only should be there.', zh: '应当带上 --read-only。' },
    },
    {
      say: {
        en: 'Keep the root read-only, and give it the one place that it writes to.',
        zh: '根文件系统保持只读，只给它一个可写的地方。',
      },
      run: 'glasspod inspect cache | jq -c ".[0].HostConfig | {ReadonlyRootfs, Tmpfs}"\nglasspod run -d --name cache2 --network none --read-only --tmpfs /var $IMAGE sh -c "$sleeper" >/dev/null\ncache=$(glasspod inspect cache2 | jq ".[0].State.Pid")\ncut -d " " -f 5,6 /proc/$cache/mountinfo | grep -E "^(/|/var) "',
      check: async (see) => {
        const cache = await see.pid('cache')
        return /^ro\b/.test(optionsOf(see, cache, '/')) && /^rw\b/.test(optionsOf(see, cache, '/var'))
      },
      fact: { en: '/ is ro and /var is rw in its mountinfo', zh: '在它的 mountinfo 里，/ 是 ro，/var 是 rw' },
      nearly: { en: 'The flag is --tmpfs /var.', zh: '选项是 --tmpfs /var。' },
    },
    {
      say: { en: 'The fourth is root, and still may not.', zh: '第四个明明是 root，却还是不行。' },
      run: 'glasspod run -d --name owner --network none --cap-drop ALL $IMAGE sh -c "id -u; chown www /tmp && exec sleep 1000" >/dev/null\ncode=$(glasspod wait owner); glasspod logs owner; (exit $code)',
      fails: {
        en: 'EPERM, “Operation not permitted”, asks for a capability; EACCES, “Permission denied”, for an owner or a mode. The words tell them apart.',
        zh: 'EPERM（Operation not permitted）缺的是能力，EACCES（Permission denied）缺的是属主或权限位。看措辞就能分辨。',
      },
      check: (see) => see.exitCode !== 0 && /^0$/m.test(see.output) && /Operation not permitted/.test(see.output),
      fact: { en: 'uid 0, and chown(2) was refused', zh: 'uid 是 0，chown(2) 却被拒绝' },
      nearly: { en: 'All capabilities should be dropped.', zh: '应当丢弃了所有能力。' },
    },
    {
      say: {
        en: 'Who took CAP_CHOWN away? inspect knows. Give back that one, and not all.',
        zh: '谁拿走了 CAP_CHOWN？inspect 知道。只还给它这一个，不要全部还回去。',
      },
      run: 'glasspod inspect owner | jq -c ".[0].HostConfig | {CapAdd, CapDrop}"\nglasspod run -d --name owner2 --network none --cap-drop ALL --cap-add CHOWN $IMAGE sh -c "chown www /tmp && exec sleep 1000" >/dev/null\nowner=$(glasspod inspect owner2 | jq ".[0].State.Pid")\ngrep CapEff /proc/$owner/status; ls -ldn /proc/$owner/root/tmp',
      check: async (see) => {
        const owner = await see.pid('owner')
        return (
          see.status(owner, 'CapEff') === '0000000000000001' &&
          statSync(`/proc/${owner}/root/tmp`, { throwIfNoEntry: false })?.uid !== process.getuid?.()
        )
      },
      fact: { en: 'CapEff is 1: CAP_CHOWN, bit 0, and nothing else', zh: 'CapEff 为 1：只有第 0 位的 CAP_CHOWN' },
      nearly: { en: 'The flag is --cap-add CHOWN.', zh: '选项是 --cap-add CHOWN。' },
    },
    {
      say: {
        en: 'The fifth writes to a volume, as user www. The directory is yours, and mounted read-write.',
        zh: '第五个以用户 www 的身份写卷。目录是你的，挂载也可写。',
      },
      run: 'mkdir -m 755 data; clock="date >/data/now && exec sleep 1000"\nglasspod run -d --name clock --network none -u www -v $DIR/data:/data $IMAGE sh -c "$clock" >/dev/null\ncode=$(glasspod wait clock); glasspod logs clock; (exit $code)',
      fails: {
        en: '“Permission denied”: so it is about an owner. But www is another number out here than inside.',
        zh: '“Permission denied”：那就是属主的问题。可 www 在里面和外面不是同一个号码。',
      },
      check: (see) =>
        see.exitCode !== 0 && /Permission denied/.test(see.output) && !existsSync(`${see.directory}/data/now`),
      fact: { en: 'EACCES, and data is empty', zh: 'EACCES，data 里什么也没有' },
      nearly: { en: 'The container should run as www: -u www', zh: '容器应当以 www 身份运行：-u www' },
    },
    {
      say: {
        en: 'ids tells who uid 33 is on the host. Give the directory to that id; you may, in a user namespace that has it.',
        zh: 'ids 会告诉你 uid 33 在宿主机上是谁。把目录交给那个 id；在映射了它的用户命名空间里，你就有权这样做。',
      },
      run: 'glasspod ids 33 | head -2; ls -ldn data\nunshare --map-root-user --map-auto chown 33:33 data; ls -ldn data\nglasspod start clock\nuntil [ -s data/now ]; do sleep 0.1; done; ls -ln data',
      check: (see) => {
        const now = statSync(`${see.directory}/data/now`, { throwIfNoEntry: false })
        return now !== undefined && now.uid !== process.getuid?.() && now.uid !== 33
      },
      fact: {
        en: 'data/now belongs to the host id that ids has named',
        zh: 'data/now 的属主正是 ids 给出的那个宿主机 id',
      },
      nearly: {
        en: 'chown should run inside: unshare --map-root-user --map-auto',
        zh: 'chown 应当在里面执行：unshare --map-root-user --map-auto',
      },
    },
    {
      say: {
        en: 'The sixth runs well, and each time that it is stopped it takes long and ends with 137. Memory?',
        zh: '第六个跑得好好的，可每次停止都要等很久，最后以 137 结束。是内存的问题吗？',
      },
      run: 'glasspod run -d --name slow --network none $IMAGE sleep 1000 >/dev/null\nslow=$(glasspod inspect slow | jq ".[0].State.Pid"); caught=$(sed -n "s/^SigCgt:\\t//p" /proc/$slow/status)\nglasspod stop -t 1 slow >/dev/null\nglasspod inspect slow | jq -c ".[0].State | {ExitCode, OOMKilled, Reason}"\n(exit $(glasspod wait slow))',
      fails: {
        en: 'Process 1 of a PID namespace gets only signals that it has a handler for (level 04). 137 by itself says SIGKILL, and not whose: Reason does.',
        zh: 'PID 命名空间的 1 号进程只会收到自己装了处理函数的信号（第 04 关）。137 只说明是 SIGKILL，没说是谁发的：那要看 Reason。',
      },
      check: async (see) =>
        see.exitCode === 137 &&
        /"OOMKilled":false.*asked with SIGTERM/.test(see.output) &&
        !hasHandler(await see.value('caught'), SIGTERM),
      fact: {
        en: 'not memory: it had no handler for SIGTERM (SigCgt in /proc), so stop waited, and killed it',
        zh: '与内存无关：它没有 SIGTERM 的处理函数（见 /proc 里的 SigCgt），stop 等够了时间就把它杀了',
      },
      nearly: { en: 'It should be a plain sleep, as process 1.', zh: '应当是一个普通的 sleep，作为 1 号进程。' },
    },
    {
      say: { en: 'Give it a handler.', zh: '给它装一个处理函数。' },
      run: 'glasspod run -d --name polite --network none $IMAGE sh -c "trap \'exit 0\' TERM; sleep 1000 & wait" >/dev/null\npolite=$(glasspod inspect polite | jq ".[0].State.Pid")\nuntil caught=$(sed -n "s/^SigCgt:\\t\\(.*4...\\)$/\\1/p" /proc/$polite/status) && [ -n "$caught" ]; do sleep 0.1; done\nglasspod stop -t 10 polite >/dev/null\nglasspod inspect polite | jq -c ".[0].State | {ExitCode, Reason}"',
      check: async (see) => hasHandler(await see.value('caught'), SIGTERM) && /"ExitCode":0,/.test(see.output),
      fact: {
        en: 'bit 14 of SigCgt is set, and it ends at once, with 0',
        zh: 'SigCgt 的第 14 位已置位，它立刻以 0 结束',
      },
      nearly: { en: 'The shell should have a trap for TERM.', zh: 'shell 应当对 TERM 设置 trap。' },
    },
  ],
  question: {
    ask: {
      en: 'A colleague writes: my container ends with 139, and its log is empty. Whose fault is it, and what do you ask for?',
      zh: '同事来信：容器以 139 结束，日志是空的。问题出在谁身上？你会要什么信息？',
    },
    answer: {
      en: '139 is 128 + 11, SIGSEGV: the program’s own, and the runtime cannot know more. Ask for the image’s architecture, which may not be the machine’s, and for a core dump. 159 would be another matter: 128 + 31, SIGSYS, is a seccomp filter that kills.',
      zh: '139 是 128 + 11，即 SIGSEGV：是程序自己的问题，运行时知道的也就这么多。应该要镜像的架构（可能与机器不符）和一份核心转储。159 则是另一回事：128 + 31，即 SIGSYS，说明 seccomp 过滤器把它杀了。',
    },
  },
}
