import { lstatSync, readFileSync, readdirSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { digestOf } from '../../../images/digest.ts'
import type { Level, Witness } from '../level.ts'

/** Digest of a file below the level's directory; '' where it cannot be read, or is no gzip file where one is asked for. */
const digestOfFile = (see: Witness, path: string, unpacked = false): string => {
  try {
    const bytes = readFileSync(`${see.directory}/${path}`)
    return digestOf(unpacked ? gunzipSync(bytes) : bytes)
  } catch {
    return ''
  }
}

/** What is in a directory, and whose it is; undefined where it cannot be read. */
const entriesOf = (path: string): { name: string; uid: number }[] | undefined => {
  try {
    return readdirSync(path).map((name) => ({ name, uid: lstatSync(`${path}/${name}`).uid }))
  } catch {
    return undefined
  }
}

const namesIn = (see: Witness, path: string): string[] =>
  (entriesOf(`${see.directory}/${path}`) ?? []).map(({ name }) => name).sort()

/** Digests of the layers in their order: packed as the manifest has them, unpacked as the configuration has them. */
const layersOf = (see: Witness): string[] =>
  see
    .read('manifest.json')
    .match(/sha256:[0-9a-f]{64}/g)
    ?.slice(1) ?? []
const diffIdsOf = (see: Witness): string[] =>
  (/"diff_ids":\[([^\]]*)\]/.exec(see.read('config.json'))?.[1] ?? '').match(/sha256:[0-9a-f]{64}/g) ?? []

const blobOf = (digest: string): string => `blobs/${digest.replace('sha256:', '')}`
const isWholeAndRight = (digests: readonly string[], right: (digest: string, at: number) => boolean): boolean =>
  digests.length === 3 && digests.every(right)

export const level: Level = {
  id: '11',
  name: 'image',
  title: { en: 'An OCI image, pulled by hand', zh: '用 curl 和 tar 手工拉取一个 OCI 镜像' },
  concept: {
    en: 'A registry is a web server for files that are named by their own hash. A tag leads to an index, the index to a manifest for each platform, the manifest to a configuration and to layers, which are tar files. curl, sha256sum and tar are enough to pull an image. This level has a registry of its own, on loopback.',
    zh: '镜像仓库（registry）就是一台 Web 服务器，里面的文件以自身的哈希为名。标签指向索引（index），索引为每个平台指向一份清单（manifest），清单再指向配置和各层，而层就是 tar 包。有 curl、sha256sum 和 tar 就能拉取镜像。本关在回环地址上自带一个仓库。',
  },
  watch: 'watch -n 1 ls -A . blobs rootfs',
  image: 'served',
  steps: [
    {
      say: {
        en: 'First the question that every client begins with: may I come in, or do I need a token?',
        zh: '每个客户端开口的第一句话：我可以直接进，还是需要令牌（token）？',
      },
      run: 'curl -sS -i http://$REGISTRY/v2/',
      check: (see) => see.exitCode === 0 && /^HTTP\/1\.1 200/m.test(see.output),
      fact: {
        en: '200: it asks for no token. Docker Hub would answer 401, with a WWW-Authenticate that says where to get one',
        zh: '200：不需要令牌。换成 Docker Hub 则会回答 401，并用 WWW-Authenticate 头告诉你去哪里领',
      },
      nearly: {
        en: 'The address is http://$REGISTRY/v2/ with its last slash.',
        zh: '地址是 http://$REGISTRY/v2/，末尾的斜杠不能少。',
      },
    },
    {
      say: { en: 'What does the tag 1 of the repository learn stand for?', zh: '仓库 learn 的标签 1 指的是什么？' },
      run: 'url=http://$REGISTRY/v2/learn\ncurl -sS --fail-with-body $url/manifests/1',
      fails: {
        en: 'A manifest comes in several formats. The client says in Accept which it can read, and this one has said nothing.',
        zh: '清单有好几种格式。客户端要用 Accept 头声明自己看得懂哪些，而这一次什么也没声明。',
      },
      check: (see) => see.exitCode === 22 && /MANIFEST_UNKNOWN/.test(see.output),
      fact: {
        en: '404, although it is there: the message says that it is an index',
        zh: '404，可它明明在那儿：消息里说了，那是一份索引',
      },
      nearly: { en: 'Without an Accept header the registry should say 404.', zh: '不带 Accept 头，仓库应当回答 404。' },
    },
    {
      say: { en: 'Asked for as an index, it comes.', zh: '声明要索引，就给了。' },
      run: 'curl -fsS -H \'Accept: application/vnd.oci.image.index.v1+json\' -o index.json $url/manifests/1\njq -r \'.manifests[] | .platform.os + "/" + .platform.architecture + " " + .digest\' index.json',
      check: (see) => (see.read('index.json').match(/"architecture":/g) ?? []).length === 2,
      fact: {
        en: 'two platforms, and for each the digest of its manifest',
        zh: '两个平台，每个平台对应一份清单的摘要（digest）',
      },
      nearly: {
        en: 'index.json should list two manifests: -o index.json',
        zh: 'index.json 应当列出两份清单：-o index.json',
      },
    },
    {
      say: {
        en: 'The manifest of this machine’s platform. It is asked for by its digest: that is its name, and the proof of its content.',
        zh: '取本机平台的清单。这次按摘要去取：摘要既是它的名字，也是其内容的凭证。',
      },
      run: "case $(uname -m) in x86_64) arch=amd64 ;; aarch64) arch=arm64 ;; *) arch=$(uname -m) ;; esac\ndigest=$(jq -r --arg arch $arch '.manifests[] | select(.platform.architecture == $arch) | .digest' index.json)\ncurl -fsS -H 'Accept: application/vnd.oci.image.manifest.v1+json' -o manifest.json $url/manifests/$digest\necho $digest; sha256sum manifest.json",
      check: async (see) => {
        const digest = await see.value('digest')
        return digest !== '' && digestOfFile(see, 'manifest.json') === digest
      },
      fact: {
        en: 'sha256 of manifest.json is the digest that was asked for',
        zh: 'manifest.json 的 sha256 正是所请求的那个摘要',
      },
      nearly: {
        en: 'manifest.json should be just what came, byte for byte: -o, and nothing that formats it.',
        zh: 'manifest.json 必须逐字节保持收到时的样子：用 -o 保存，不要经过任何格式化。',
      },
    },
    {
      say: {
        en: 'The manifest names the rest: one configuration and three layers. First the configuration.',
        zh: '清单里写着其余的一切：一份配置、三个层。先取配置。',
      },
      run: "config=$(jq -r .config.digest manifest.json)\ncurl -fsSL -o config.json $url/blobs/$config\njq '.config | {Env, Cmd}' config.json",
      check: async (see) =>
        see.read('config.json') !== '' && digestOfFile(see, 'config.json') === (await see.value('config')),
      fact: {
        en: 'environment and command; its digest is what podman and docker show as the image’s ID',
        zh: '里面是环境变量和命令；它的摘要就是 podman 和 docker 显示的镜像 ID',
      },
      nearly: {
        en: 'config.json should be the blob that .config.digest of the manifest names.',
        zh: 'config.json 应当是清单中 .config.digest 所指的 blob。',
      },
    },
    {
      say: { en: 'The layers, each checked against its name.', zh: '再取各层，逐个与名字核对。' },
      run: 'mkdir blobs; cd blobs\nfor layer in $(jq -r \'.layers[].digest\' ../manifest.json); do\n  curl -fsSL -o ${layer#sha256:} $url/blobs/$layer\n  echo "${layer#sha256:}  ${layer#sha256:}" | sha256sum --check | cut -c 1-12,65-\ndone; cd ..',
      check: (see) => isWholeAndRight(layersOf(see), (digest) => digestOfFile(see, blobOf(digest)) === digest),
      fact: { en: 'three blobs, each the hash of itself', zh: '三个 blob，名字都与自身的哈希一致' },
      nearly: {
        en: 'blobs/ should hold three files, named by their digests without sha256:',
        zh: 'blobs/ 里应当有三个文件，文件名是去掉 sha256: 的摘要。',
      },
    },
    {
      say: { en: 'And if one byte more came than was sent?', zh: '如果途中多出一个字节呢？' },
      run: 'first=$(jq -r ".layers[0].digest" manifest.json)\n(cat blobs/${first#sha256:}; printf x) >changed\necho "${first#sha256:}  changed" | sha256sum --check',
      fails: {
        en: 'So the way need not be trusted: no mirror, proxy or registry can change a byte of what a digest names.',
        zh: '所以途中的任何一环都无需信任：镜像站、代理、仓库，谁也改不动摘要所指内容的一个字节。',
      },
      check: async (see) => see.exitCode !== 0 && digestOfFile(see, 'changed') !== (await see.value('first')),
      fact: { en: 'another content, another name', zh: '内容变了，名字也就变了' },
      nearly: { en: 'changed should have one byte more than the first layer.', zh: 'changed 应当比第一层多一个字节。' },
    },
    {
      say: {
        en: 'The configuration names the layers again, as diff_ids, and these are other digests. Of what?',
        zh: '配置里又把各层列了一遍，叫 diff_ids，摘要却不一样。那是谁的摘要？',
      },
      run: 'layers=$(jq -r \'.layers[].digest | "blobs/" + ltrimstr("sha256:")\' manifest.json)\nfor layer in $layers; do gunzip <$layer | sha256sum; done\njq -r \'.rootfs.diff_ids[]\' config.json',
      check: (see) =>
        isWholeAndRight(layersOf(see), (digest, at) => digestOfFile(see, blobOf(digest), true) === diffIdsOf(see)[at]),
      fact: {
        en: 'of the unpacked tar files: however a layer is compressed, it stays the same layer',
        zh: '是解压后 tar 包的摘要：无论用什么方式压缩，层还是同一个层',
      },
      nearly: {
        en: 'gunzip each blob, in the order of the manifest, and compare.',
        zh: '按清单里的顺序逐个 gunzip，再作比较。',
      },
    },
    {
      say: {
        en: 'Unpack one after the other into one tree. The files have owners of their own, so it takes a user namespace with many ids. The last layer deletes etc/motd: is it gone?',
        zh: '把各层依次解到同一棵目录树里。文件各有属主，所以需要一个映射了许多 id 的用户命名空间。最后一层删除了 etc/motd：它没了吗？',
      },
      run: 'root_here() { unshare --map-root-user --map-auto -- "$@"; }\nmkdir naive\nfor layer in $layers; do root_here tar -xzf $layer --numeric-owner -C naive; done\nls -A naive/etc naive/var/cache\ntest ! -e naive/etc/motd',
      fails: {
        en: 'To tar, .wh.motd is a file like any other. Who unpacks has to know: .wh.NAME deletes NAME of the layers below, .wh..wh..opq all that they have in this directory.',
        zh: '在 tar 眼里，.wh.motd 只是个普通文件。解包的人得自己懂规矩：.wh.NAME 表示删除下层的 NAME，.wh..wh..opq 表示这个目录里下层的内容全部作废。',
      },
      check: (see) => {
        const names = namesIn(see, 'naive/etc')
        return names.includes('motd') && names.includes('.wh.motd')
      },
      fact: { en: 'motd is still there, and beside it a .wh.motd', zh: 'motd 还在，旁边多了个 .wh.motd' },
      nearly: { en: 'All three layers should be unpacked into naive.', zh: '三个层都应当解到 naive 里。' },
    },
    {
      say: {
        en: 'So for each layer first what it deletes, then what it brings.',
        zh: '所以对每一层，先执行它的删除，再放进它带来的文件。',
      },
      run: "cat >apply <<'END'\nfor layer; do\n  tar -tzf $layer | grep -E '(^|/)\\.wh\\.' | while read -r mark; do\n    dir=rootfs/$mark name=${mark##*/}\n    dir=${dir%/*}\n    case $name in\n      .wh..wh..opq) find $dir -mindepth 1 -delete ;;\n      *) rm -rf \"$dir/${name#.wh.}\" ;;\n    esac\n  done\n  tar -xzf $layer --numeric-owner --exclude='.wh.*' -C rootfs\ndone\nEND\nmkdir rootfs; root_here sh apply $layers\nls -A rootfs/etc rootfs/var/cache; ls -ldn rootfs/www",
      check: (see) =>
        namesIn(see, 'rootfs/etc').join() === 'group,passwd' &&
        namesIn(see, 'rootfs/var/cache').join() === 'new' &&
        (entriesOf(`${see.directory}/rootfs`) ?? []).some(
          ({ name, uid }) => name === 'www' && uid !== process.getuid?.(),
        ),
      fact: {
        en: 'motd is gone, of var/cache only new is left, and www belongs to a subordinate id: uid 33 inside',
        zh: 'motd 没了，var/cache 里只剩 new，www 归一个从属 id 所有：在里面是 uid 33',
      },
      nearly: {
        en: 'Deletions have to come before the files of the same layer, and the whole has to run in root_here.',
        zh: '删除要先于同一层的文件，而且整个过程要在 root_here 里执行。',
      },
    },
    {
      say: {
        en: 'Run it, with the environment and the command of the configuration; the rest is level 02 and 04.',
        zh: '按配置里的环境变量和命令把它跑起来；其余的就是第 02 关和第 04 关的内容。',
      },
      run: '(eval "set -- $(jq -r \'[.config.Env[], .config.Cmd[]] | @sh\' config.json)"\nexec unshare --map-root-user --map-auto --mount --pid --fork --kill-child sh -c \'\n  mount --bind rootfs rootfs && cd rootfs && mount -t proc proc proc\n  pivot_root . . && umount -l . && exec env -i "$@"\' sh "$@" -c \'echo $GREETING; exec sleep 1000\') & outer=$!\nuntil box=$(cat /proc/$outer/task/$outer/children) && [ "$(cat /proc/${box% }/comm)" = sleep ]; do sleep 0.1; done 2>/dev/null\nbox=${box% }; ls /proc/$box/root; cut -d " " -f 5 /proc/$box/mountinfo',
      check: async (see) => {
        const box = await see.pid('box')
        return (
          /\0GREETING=hello from glasspod\0/.test(`\0${see.read(`/proc/${box}/environ`)}`) &&
          / \/[^ ]*\/rootfs \/ /.test(see.read(`/proc/${box}/mountinfo`)) &&
          see.read(`/proc/${box}/root/var/cache/new`) !== ''
        )
      },
      fact: {
        en: 'a process with the image’s environment, and rootfs as its root: a container',
        zh: '一个进程，带着镜像的环境变量，以 rootfs 为根：这就是容器',
      },
      nearly: {
        en: 'box should be the child of unshare, a sleep in the new root.',
        zh: 'box 应当是 unshare 的子进程，即新的根里的那个 sleep。',
      },
    },
    {
      say: {
        en: 'The same by glasspod, which says what it fetches. It keeps the layers apart, for an overlay.',
        zh: '用 glasspod 做同样的事，它会说明取了什么。它把各层分开存放，留给 overlay 去叠。',
      },
      run: 'glasspod pull --explain $IMAGE 2>&1 | grep "^✔"\nls $GLASSPOD_ROOT/layers',
      check: async (see) => {
        const layers = (entriesOf(`${await see.value('GLASSPOD_ROOT')}/layers`) ?? []).map(
          ({ name }) => `sha256:${name}`,
        )
        return isWholeAndRight(diffIdsOf(see), (diffId) => layers.includes(diffId)) && /image\.layers/.test(see.output)
      },
      fact: {
        en: 'the same requests; and three directories, named by the diff_ids',
        zh: '请求完全一样；另有三个目录，以 diff_ids 为名',
      },
      nearly: { en: 'The image to be pulled is $IMAGE.', zh: '要拉取的镜像是 $IMAGE。' },
    },
  ],
  question: {
    ask: {
      en: 'The script apply trusts what it unpacks. What could a hostile layer do to it, although every digest is right?',
      zh: '脚本 apply 对层里的内容毫不设防。即便所有摘要都对得上，一个恶意的层能拿它做什么？',
    },
    answer: {
      en: 'A digest says that nobody changed the layer, not that it means well. One layer makes etc a symbolic link to a directory of yours; the next has etc/.wh.notes, and rm follows the link. So an unpacker looks at each part of a path before it goes on, and never leaves the tree. glasspod gives each layer a directory of its own and follows links itself, with that directory as their /: the link leads back into the layer.',
      zh: '摘要只保证没人改动过这个层，不保证它怀着好意。某一层把 etc 做成指向你某个目录的符号链接，下一层再带上 etc/.wh.notes，rm 就会顺着链接删过去。所以解包程序必须逐段检查路径，绝不走出目录树。glasspod 为每个层单设一个目录，并自己解析链接，以这个目录作为它们的 /：链接绕来绕去，还是回到层里。',
    },
  },
}
