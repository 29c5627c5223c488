# shellcheck shell=sh
# Programs of another architecture, to make its disk: QEMU's user emulation, registered with the kernel in a user
# namespace of our own. The machine's own list of interpreters stays as it is. (binfmt_misc in user namespaces: Linux 6.7)

EMULATED_MACHINE='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
MACHINE_MASK='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'

# F: the interpreter is opened now, so that it is found in a chroot too.
# shellcheck disable=SC2016 # runs later
REGISTER='
set -eu
mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
printf "%s" ":glasspod-vm:M::$1:$2:$(command -v qemu-aarch64-static):OF" >/proc/sys/fs/binfmt_misc/register
shift 2
exec "$@"
'

# As root of a user namespace with all ids, where the programs of arm64 run. An ordinary user has his subordinate ids.
with_emulation() {
  set -- sh -c "$REGISTER" sh "$EMULATED_MACHINE" "$MACHINE_MASK" "$@"
  if [ "$(id -u)" = 0 ]; then
    with_identity_map "$@"
  else
    unshare --map-auto --map-root-user --mount -- "$@"
  fi
}

# newuidmap(1) knows subordinate ids only, and root needs none: the map is written from outside.
with_identity_map() {
  mkfifo "$work/mapped"
  # shellcheck disable=SC2016 # runs there
  unshare --user --mount -- sh -c 'read -r go <"$0" && exec setpriv --reuid 0 --regid 0 --clear-groups -- "$@"' \
    "$work/mapped" "$@" &
  inner=$!
  until [ "$(readlink "/proc/$inner/ns/user")" != "$(readlink /proc/self/ns/user)" ]; do sleep 0.05; done
  for map in uid_map gid_map; do echo '0 0 4294967295' >"/proc/$inner/$map"; done
  echo >"$work/mapped"
  rm "$work/mapped"
  wait "$inner"
}

# Where the kernel of arm64 is packed for EFI (a header of "zimg", its offset and size, the way it is packed), as QEMU
# before 9.1 cannot start it. linux: drivers/firmware/efi/libstub/zboot-header.S
unpack_kernel() {
  node - "$1" <<'EOS'
const { readFileSync, writeFileSync } = require('node:fs')
const { spawnSync } = require('node:child_process')
const file = process.argv[2]
const image = readFileSync(file)
if (image.toString('latin1', 4, 8) === 'zimg') {
  const [offset, size] = [image.readUInt32LE(8), image.readUInt32LE(12)]
  const kind = image.toString('latin1', 24, 56).replace(/\0.*$/s, '')
  const program = kind === 'gzip' ? 'gzip' : kind === 'zstd' ? 'zstd' : kind
  const { stdout, status } = spawnSync(program, ['-dc'], {
    input: image.subarray(offset, offset + size),
    maxBuffer: 1 << 28,
  })
  if (status !== 0) throw new Error(`${file}: ${kind} cannot be unpacked`)
  writeFileSync(file, stdout)
}
EOS
}
