# shellcheck shell=sh
# What a virtual machine needs of this host: each condition asked of the thing itself, with what was found and a remedy.

# MiB that a build takes for a moment, with its tar beside the disk
ROOM_TO_BUILD=3000
# MiB that QEMU takes beside the memory of the guest
QEMU_OWN=300

# finding ID fine|note|blocker FOUND [REMEDY]
finding() { printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "${4-}"; }

find_programs() {
  missing=
  for program in "$(qemu)" mmdebstrap mke2fs ssh ssh-keygen rsync node npm; do
    command -v "$program" >/dev/null || missing="$missing $program"
  done
  if [ -z "$missing" ]; then
    finding programs fine "$("$(qemu)" --version | sed -n '1s/ (.*//p')"
  else
    finding programs blocker "missing:$missing" 'scripts/setup --vm'
  fi
}

find_kvm() {
  if [ ! -e "$disk/vmlinuz" ] && [ -w /dev/kvm ]; then
    finding kvm note '/dev/kvm may be opened; whether a guest runs is known when there is a disk' 'scripts/vm up'
    return
  fi
  mkdir -p "$machine"
  kvm=$(read_kvm)
  case $kvm in
  usable) finding kvm fine 'a guest ran with KVM' ;;
  *missing*) finding kvm note "$kvm: the emulator takes 5 to 20 times longer" 'sudo modprobe kvm_intel || sudo modprobe kvm_amd; the firmware may have to allow it' ;;
  *'may not be opened'*) finding kvm note "$kvm: the emulator takes 5 to 20 times longer" "sudo usermod -aG kvm $(id -un), and log in again" ;;
  *) finding kvm note "$kvm: the emulator takes 5 to 20 times longer" 'see nested' ;;
  esac
}

# This host as a guest: then KVM here needs its host's leave.
find_nested() {
  if ! grep -qw hypervisor /proc/cpuinfo; then
    finding nested fine 'this host is no virtual machine itself'
  elif grep -qwE 'vmx|svm' /proc/cpuinfo; then
    finding nested fine 'this host is a virtual machine whose processor can run others'
  else
    finding nested note 'this host is a virtual machine, and its processor does not show vmx or svm' \
      'let its host pass them on: -cpu host, and kvm_intel nested=1 or kvm_amd nested=1 there'
  fi
}

find_room() {
  mkdir -p "$cache"
  free=$(df --output=avail --block-size=1M "$cache" | tail -n 1 | tr -d ' ')
  if [ -e "$disk/disk.img" ]; then
    finding disk fine "$disk is made; $free MiB are free"
  elif [ "$free" -ge "$ROOM_TO_BUILD" ]; then
    finding disk fine "$free MiB are free in $cache"
  else
    finding disk blocker "$free MiB are free in $cache, a disk needs $ROOM_TO_BUILD" 'XDG_CACHE_HOME=/somewhere/else scripts/vm up'
  fi
}

find_memory() {
  available=$(($(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo) / 1024))
  wanted=$((memory + QEMU_OWN))
  if [ "$available" -ge "$wanted" ] || is_running; then
    finding memory fine "$available MiB are available, the machine takes $wanted"
  else
    finding memory blocker "$available MiB are available, the machine takes $wanted" 'scripts/vm --memory 1536 up'
  fi
}

# mmdebstrap unpacks files of many owners.
find_ids() {
  if [ "$(id -u)" = 0 ]; then
    finding ids fine 'root needs no range of ids'
  elif unshare --map-auto --map-root-user true 2>/dev/null; then
    finding ids fine 'a user namespace with a range of ids was made'
  elif [ -e "$disk/disk.img" ]; then
    finding ids note 'no user namespace with a range of ids: the disk that is made will do' 'glasspod doctor subids.ranges'
  else
    finding ids blocker 'no user namespace with a range of ids' 'glasspod doctor; sudo scripts/add-subids USER'
  fi
}

find_all() {
  find_programs
  find_kvm
  find_nested
  find_room
  find_memory
  find_ids
}

# shellcheck disable=SC2016 # jq's own
AS_JSON='[inputs | split("\t") | { id: .[0], status: .[1], found: .[2] } + (if .[3] == "" then {} else { try: .[3] } end)]'

doctor() {
  format=table
  case "${1-} ${2-}" in
  ' ') ;;
  '--format json' | '--format table') format=$2 ;;
  *) fail doctor "takes --format json or --format table, not '$*'" ;;
  esac
  findings=$(find_all)
  if [ "$format" = json ]; then
    echo "$findings" | jq -nR "$AS_JSON"
  else
    echo "$findings" | awk -F '\t' '{ printf "%-8s %-8s %s\n", $2, $1, $3; if ($4 != "") printf "%17s try %s\n", "", $4 }'
  fi
  ! echo "$findings" | cut -f 2 | grep -qx blocker
}
