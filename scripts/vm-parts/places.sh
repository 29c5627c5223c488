# shellcheck shell=sh
# Where things are. Nothing is written into the checkout: disks are shared by all checkouts of a user, a running
# machine belongs to one checkout and one architecture.

SUITE=trixie
NODE_MAJOR=20

cache=${XDG_CACHE_HOME:-$HOME/.cache}/glasspod/vm

# One mirror for the guest and the build machine: what reaches one reaches the other. By apt's own parser, because a
# list may have either of two formats. $1: label of the archive, $2: where none is configured
find_mirror() {
  # shellcheck disable=SC2016 # apt's own variables
  apt-get indextargets --format '$(LABEL)|$(SITE)' 'Created-By: Packages' 2>/dev/null |
    sed -n "s/^$1|//p" | sed -n 1p | grep . || echo "$2"
}

list_archives() {
  debian=$(find_mirror Debian http://deb.debian.org/debian)
  security=$(find_mirror Debian-Security http://deb.debian.org/debian-security)
  signed='[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]'
  echo "deb $signed $debian $SUITE main"
  echo "deb $signed $security $SUITE-security main"
}

# Certificates that this machine trusts beyond the distribution's: a mirror or registry may need them.
list_certificates() {
  for certificate in /usr/local/share/ca-certificates/*.crt; do
    [ ! -r "$certificate" ] || echo "$certificate"
  done
}

# All that decides what is on the disk. Newer packages do not: `up --rebuild` takes them.
disk_key() {
  {
    echo "$arch $NODE_MAJOR"
    list_archives
    list_certificates | while read -r certificate; do cat "$certificate"; done
    cat "$parts/places.sh" "$parts/disk.sh" "$parts/in-disk" "$parts/initrd-init" "$here/vm-provision" "$here/add-subids"
    "$here/setup" --list --test
  } | sha256sum | cut -c 1-12
}

set_places() {
  disk=$cache/disks/$SUITE-$arch-$(disk_key)
  modules=$cache/disks/modules-$arch-$(sha256sum "$checkout/package-lock.json" | cut -c 1-12).img
  machine=$cache/machines/$(basename "$checkout")-$(echo "$checkout" | sha256sum | cut -c 1-8)-$arch
  console=$machine/console.log
}
