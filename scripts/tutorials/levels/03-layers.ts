import { lstatSync } from 'node:fs'
import type { Level } from '../level.ts'

/** As overlayfs marks what was deleted: a character device 0, 0. */
const isWhiteout = (path: string): boolean => {
  try {
    const stat = lstatSync(path)
    return stat.isCharacterDevice() && stat.rdev === 0
  } catch {
    return false
  }
}

export const level: Level = {
  id: '03',
  name: 'layers',
  title: { en: 'Layers: overlay, copy-up, whiteouts', zh: '镜像层：overlay、写时复制与 whiteout' },
  concept: {
    en: 'An image is a stack of layers that never change. overlayfs shows them as one tree and puts a layer of the container’s own on top: what is written is copied up into it, what is deleted is marked there. A hundred containers share the layers below.',
    zh: '镜像是一叠永不改变的层。overlayfs 把它们合成一棵目录树，再在最上面放一层容器自己的：写入的内容先复制上来，删除的内容只在这一层做个记号。下面的层可以由上百个容器共用。',
  },
  watch: 'watch -n 1 ls -lR upper',
  image: 'stored',
  steps: [
    {
      say: {
        en: 'Two layers of an image, and directories for what comes on top.',
        zh: '造两层镜像，以及供上层使用的目录。',
      },
      run: 'mkdir -p base/etc top/etc upper work merged\necho from base >base/etc/one; echo from base >base/etc/two; echo keep >base/etc/three\necho from top >top/etc/two\nls base/etc top/etc',
      check: (see) => see.read('top/etc/two') === 'from top\n',
      fact: { en: 'both layers have a file etc/two', zh: '两层里都有 etc/two 这个文件' },
      nearly: { en: 'top/etc/two should say: from top', zh: 'top/etc/two 的内容应当是 from top' },
    },
    {
      say: {
        en: 'Mounted as one tree, in a mount namespace of our own. userxattr is what an ordinary user needs; lowerdir names the upper layer first.',
        zh: '在自己的挂载命名空间里把它们合成一棵树。普通用户需要 userxattr 选项；lowerdir 中靠前的是上层。',
      },
      run: 'unshare --map-root-user --mount sh -c \'\n  mount -t overlay -o lowerdir=top:base,upperdir=upper,workdir=work,userxattr overlay merged\n  exec sleep 1000\' & pid=$!\nwhile [ "$(cat /proc/$pid/comm)" != sleep ]; do :; done\nin_it() { nsenter --target $pid --user --mount --preserve-credentials -- sh -c \'cd "$DIR" && exec "$@"\' sh "$@"; }\nin_it sh -c \'grep . merged/etc/*\'',
      check: async (see) =>
        / overlay /.test(see.read(`/proc/${await see.pid('pid')}/mountinfo`)) && /two:from top/.test(see.output),
      fact: { en: 'the file of the upper layer hides the one below it', zh: '上层的文件盖住了下层的同名文件' },
      nearly: {
        en: 'merged/etc/two should come from top: lowerdir=top:base',
        zh: 'merged/etc/two 应当来自 top：lowerdir=top:base',
      },
    },
    {
      say: { en: 'Append to a file of the base.', zh: '往 base 层的一个文件里追加内容。' },
      run: "in_it sh -c 'echo changed >>merged/etc/one'\ncat upper/etc/one; echo --; cat base/etc/one",
      check: (see) =>
        see.read('upper/etc/one') === 'from base\nchanged\n' && see.read('base/etc/one') === 'from base\n',
      fact: {
        en: 'copied up whole, then changed: the base is as it was',
        zh: '先整个复制上来，再修改：base 层原封不动',
      },
      nearly: { en: 'The write has to go through merged, inside.', zh: '写入必须在里面、通过 merged 进行。' },
    },
    {
      say: {
        en: 'Delete a file of the base. A layer below cannot be changed; so the deletion has to be something.',
        zh: '删除 base 层的一个文件。下面的层不能改，那么“删除”本身就得是一样东西。',
      },
      run: 'in_it rm merged/etc/three\nls -l upper/etc; ls base/etc',
      check: (see) => isWhiteout(`${see.directory}/upper/etc/three`) && see.read('base/etc/three') === 'keep\n',
      fact: {
        en: 'upper/etc/three is a character device 0, 0: a whiteout',
        zh: 'upper/etc/three 是一个 0, 0 号字符设备：这就是 whiteout',
      },
      nearly: { en: 'rm merged/etc/three has to run inside.', zh: 'rm merged/etc/three 必须在里面执行。' },
    },
    {
      say: {
        en: 'Try to write into a lower layer through the overlay, without a layer on top.',
        zh: '如果上面没有可写层，能不能透过 overlay 写到下层去？',
      },
      run: "unshare --map-root-user --mount sh -c '\n  mkdir -p seen\n  mount -t overlay -o lowerdir=top:base,userxattr overlay seen\n  echo x >seen/etc/one'",
      fails: {
        en: 'Without upperdir an overlay is read-only: this is what --read-only begins with.',
        zh: '没有 upperdir 的 overlay 是只读的：--read-only 的根文件系统正由此而来。',
      },
      check: (see) => see.exitCode !== 0 && see.read('base/etc/one') === 'from base\n',
      fact: { en: 'EROFS, and base/etc/one is as it was', zh: 'EROFS，base/etc/one 没有变化' },
      nearly: { en: 'The write should be refused.', zh: '写入应当被拒绝。' },
    },
    {
      say: {
        en: 'The same in a container: delete a file of the image, then look at the container’s own layer on the host.',
        zh: '在容器里重做一遍：删掉镜像里的一个文件，再到宿主机上看容器自己的那一层。',
      },
      run: 'glasspod run -d --name level3 --network none $IMAGE sleep 1000\nglasspod exec level3 sh -c "rm /www/index.html; echo mine >/note"\nupper=$(ls -d $GLASSPOD_ROOT/containers/*/upper)\nls -l $upper $upper/www',
      check: async (see) => {
        const upper = await see.value('upper')
        return isWhiteout(`${upper}/www/index.html`) && see.read(`${upper}/note`) === 'mine\n'
      },
      fact: {
        en: 'the note is in its upper directory, and a whiteout for the page',
        zh: '它的 upper 目录里有 note，还有那个网页的 whiteout',
      },
      nearly: {
        en: 'The container’s upper directory is $GLASSPOD_ROOT/containers/ID/upper.',
        zh: '容器的 upper 目录是 $GLASSPOD_ROOT/containers/ID/upper。',
      },
    },
    {
      say: { en: 'And the call that laid them over each other:', zh: '把它们叠在一起的那个调用：' },
      run: 'glasspod explain run --network none $IMAGE true | grep -A 9 "rootfs.overlay"',
      check: (see) => /mount\("overlay"/.test(see.output) && /lowerdir=/.test(see.output),
      fact: {
        en: 'one mount(2): the layers after lowerdir=, the container’s own after upperdir=',
        zh: '一次 mount(2)：各层写在 lowerdir= 后面，容器自己的那层写在 upperdir= 后面',
      },
      nearly: { en: 'The step is called rootfs.overlay.', zh: '这一步名为 rootfs.overlay。' },
    },
  ],
  question: {
    ask: {
      en: 'One byte of a file of 2 GB in the image is changed. What does it cost, and what is the usual way around it?',
      zh: '修改镜像中一个 2 GB 文件的一个字节，代价是什么？通常怎么避免？',
    },
    answer: {
      en: 'The whole file is copied up before the byte is written: 2 GB of time and space, once. What changes much belongs into a volume, which is mounted over the overlay and knows no layers.',
      zh: '写那一个字节之前，整个文件要先复制上来：一次性付出 2 GB 的时间和空间。经常改动的数据应当放进卷（volume）里：卷挂在 overlay 之上，没有层的概念。',
    },
  },
}
