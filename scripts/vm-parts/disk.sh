# shellcheck shell=sh
# Makes a disk from packages: mmdebstrap, then mke2fs -d, so nothing is mounted and no loop device is needed. Root does it
# as root; an ordinary user in a user namespace with his subordinate ids.

DISK_SIZE=8G
SWAP_SIZE=512M
# A disk that was not booted for so long goes when another one is made.
DISK_DAYS=7
# Beside what vm-provision installs: an init, a login, and what makes a kernel's modules found.
GUEST_PACKAGES=systemd,systemd-sysv,udev,dbus,dbus-user-session,libpam-systemd,openssh-server,kmod,apparmor,procps,rsync

kernel_package() { echo "linux-image-cloud-$arch"; }
npm_arch() { case $arch in amd64) echo x64 ;; *) echo "$arch" ;; esac; }

# As root of a user namespace where we are not root: files of many owners.
as_owner_of_all() {
  if [ "$(id -u)" = 0 ]; then "$@"; else unshare --map-auto --map-root-user -- "$@"; fi
}

# pack NAME SPEC: a package of the configured npm registry, as work/in/NAME. npm takes proxy and certificates from its
# own configuration.
pack() {
  mkdir "$work/npm"
  (cd "$work/npm" && npm pack --silent "$2" >>"$log" 2>&1) ||
    fail_log disk "npm pack $2 failed" "$log" 'npm ping'
  mv "$work"/npm/*.tgz "$work/in/$1"
  rmdir "$work/npm"
}

gather_inputs() {
  mkdir -p "$work/in/certificates"
  cp "$parts/in-disk" "$parts/initrd-init" "$here/vm-provision" "$here/add-subids" "$here/setup" "$work/in/"
  list_certificates | while read -r certificate; do cp "$certificate" "$work/in/certificates/"; done
  pack node.tgz "node-linux-$(npm_arch)@$NODE_MAJOR"
  pack npm.tgz npm@10
  # made with the disk: the disk knows the key, nobody else has it
  ssh-keygen -q -t ed25519 -N '' -C glasspod-vm -f "$work/key"
  cp "$work/key.pub" "$work/in/"
  chmod -R go+rX "$work/in"
}

# Debian's kernel package wants an initramfs generator; unpacked, it needs none.
# shellcheck disable=SC2016 # runs in mmdebstrap's shell
INSTALL_KERNEL='
set -eu
cd "$1/in"
apt_config=$MMDEBSTRAP_APT_CONFIG
package=$(APT_CONFIG=$apt_config apt-cache depends --important "$KERNEL" | sed -n "s/^ *Depends: //p" | grep -m 1 linux-image)
APT_CONFIG=$apt_config apt-get -qq -o APT::Sandbox::User=root download "$package"
dpkg-deb --fsys-tarfile "$package"_*.deb | tar -x --keep-directory-symlink --exclude=./usr/share/doc -C "$1"
rm "$package"_*.deb
chroot "$1" /in/in-disk "${package#linux-image-}"
rm -r "$1/in"
'

# shellcheck disable=SC2016 # runs in mmdebstrap's shell
MAKE_ROOM='mkdir -p "$1/in"'

make_tree() {
  apt-config dump --format '%F "%v";%n' Acquire | grep -v '""' >"$work/apt.conf" || :
  mode=unshare
  [ "$(id -u)" != 0 ] || mode=root
  emulated=
  if ! is_native; then mode=root emulated=with_emulation; fi
  # the packages that vm-provision would install one step later, in one go
  packages=$GUEST_PACKAGES,$("$here/setup" --list --test | awk '{ printf "%s%s", comma, $1; comma = "," }')
  list_archives >"$work/sources.list"
  KERNEL=$(kernel_package) TMPDIR=$work $emulated mmdebstrap --mode="$mode" --variant=minbase --architectures="$arch" \
    --aptopt="$work/apt.conf" --include="$packages" --skip=cleanup/reproducible \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/bin/qemu-*' --dpkgopt='path-include=/usr/bin/qemu-aarch64' \
    --customize-hook="$MAKE_ROOM" --customize-hook="sync-in $work/in /in" \
    --customize-hook="$INSTALL_KERNEL" \
    "$SUITE" "$work/root.tar" "$work/sources.list" >>"$log" 2>&1 ||
    fail_log disk 'mmdebstrap failed' "$log" \
      'see whether the mirror answers: apt-get update' 'as an ordinary user: a range in /etc/subuid and /etc/subgid'
}

# shellcheck disable=SC2016 # runs later
MAKE_IMAGE='
set -eu
cd "$1"
mkdir root
tar -xf root.tar -C root --xattrs --xattrs-include="*" --exclude="./dev/*"
rm root.tar
cp root/boot/vmlinuz-* vmlinuz
cp root/boot/initrd.img initrd
cut -d " " -f 1,2 root/etc/ssh/ssh_host_ed25519_key.pub >host_key
rm root/boot/*
# its journal would protect what nobody keeps
mke2fs -q -t ext4 -O ^has_journal -m 0 -L glasspod -d root disk.img "$2"
rm -r root
chmod a+r vmlinuz initrd
'

make_image() {
  : >"$work/disk.img"
  truncate -s "$SWAP_SIZE" "$work/swap.img"
  mkswap "$work/swap.img" >>"$log" 2>&1
  chmod 0600 "$work/swap.img"
  as_owner_of_all sh -c "$MAKE_IMAGE" sh "$work" "$DISK_SIZE" >>"$log" 2>&1 ||
    fail_log disk 'the file system could not be made (mke2fs)' "$log" "see whether there is room: df -h $cache"
  is_native || unpack_kernel "$work/vmlinuz" >>"$log" 2>&1 ||
    fail_log disk 'the kernel could not be unpacked' "$log"
}

# Under the lock nobody else is making one: what is half-made is of a build that was ended. A machine that runs on an old
# disk has it open.
forget_old() {
  as_owner_of_all find "$cache/disks" -mindepth 1 -maxdepth 1 -name '*.making' ! -path "$modules.making" -exec rm -rf {} +
  as_owner_of_all find "$cache/disks" -mindepth 1 -maxdepth 1 ! -name .lock -mtime "+$DISK_DAYS" -exec rm -rf {} +
}

build_disk() {
  work=$disk.making
  log=$cache/disk-$arch.log
  : >"$log"
  as_owner_of_all rm -rf "$work"
  mkdir -p "$work"
  # mmdebstrap's root is not us: it must be able to come through
  chmod 0711 "$work"
  say "disk: Node.js and npm from the npm registry"
  gather_inputs
  say "disk: Debian $SUITE, $arch, from $(find_mirror Debian http://deb.debian.org/debian), takes $(is_native && echo 'about a minute' || echo 'ten minutes and more') (log: $log)"
  make_tree
  say 'disk: file system'
  make_image
  as_owner_of_all rm -rf "$work/in" "$work/npm" "$work/apt.conf" "$work/sources.list"
  mv "$work" "$disk"
  forget_old
  say "disk: $(du -h "$disk/disk.img" | cut -f 1), $disk"
}

# The Node modules are a disk of their own: to copy six thousand files into an emulated machine takes a minute. Those of
# the checkout where the processors are alike, else the same for the other one.
build_modules() {
  log=$cache/modules-$arch.log
  tree=$modules.tree/node_modules
  rm -rf "$modules.tree"
  mkdir -p "$tree"
  if is_native; then
    # not what a test runner left there
    rsync --archive --exclude='/.vite*' --exclude=/.cache "$checkout/node_modules/" "$tree/" >"$log" 2>&1 ||
      fail_log modules 'the Node modules could not be copied' "$log" 'scripts/setup'
  else
    say "modules: npm ci for $arch (log: $log)"
    cp "$checkout/package.json" "$checkout/package-lock.json" "$modules.tree/"
    (cd "$modules.tree" && npm ci --ignore-scripts --no-audit --no-fund --os=linux --cpu="$(npm_arch)" --libc=glibc) \
      >"$log" 2>&1 || fail_log modules 'npm ci failed' "$log" 'npm ping'
  fi
  # pod may do with them what npm does; where we are not root, they stay ours, and are for reading
  [ "$(id -u)" != 0 ] || chown -R 1000:1000 "$tree"
  say 'modules: disk of the Node modules'
  rm -f "$modules.making"
  # 1000: pod, the first user of the machine
  mke2fs -q -t ext4 -O ^has_journal -m 0 -E root_owner=1000:1000 -d "$tree" "$modules.making" 1G >>"$log" 2>&1 ||
    fail_log modules 'the file system could not be made (mke2fs)' "$log" "see whether there is room: df -h $cache"
  rm -rf "$modules.tree"
  mv "$modules.making" "$modules"
}

# One builds, who comes meanwhile waits and then has it. $1: file that is made, $2: function that makes it
ensure() {
  [ ! -e "$1" ] || return 0
  mkdir -p "$cache/disks"
  exec 9>"$cache/disks/.lock"
  flock --nonblock 9 || {
    say 'disk: another one is making a disk: waiting'
    flock 9
  }
  [ -e "$1" ] || "$2"
  # before QEMU starts: it would keep the lock
  exec 9>&-
}

ensure_disk() {
  ensure "$disk/disk.img" build_disk
  ensure "$modules" build_modules
  touch "$disk" "$modules"
}
