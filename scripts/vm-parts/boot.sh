# shellcheck shell=sh
# QEMU: KVM where it really runs a guest, else its translator (TCG). The disks stay as they are (snapshot=on): a machine
# forgets at `down`.

BOOT_LIMIT=300
PROBE_LIMIT=10

qemu() { case $arch in arm64) echo qemu-system-aarch64 ;; *) echo qemu-system-x86_64 ;; esac; }
console_device() { case $arch in arm64) echo ttyAMA0 ;; *) echo ttyS0 ;; esac; }
machine_type() { case $arch in arm64) echo virt ;; *) echo q35 ;; esac; }

is_native() { [ "$arch" = "$(dpkg --print-architecture)" ]; }

# cx16: with it, the guest's kernel dies of a double fault under QEMU 7.2's translator
tcg_cpu() { case $arch in arm64) echo max,pauth-impdef=on ;; *) echo max,-cx16 ;; esac; }

# The device may be there, and open, and a guest may still not run (nested virtualisation): so one is run.
probe_kvm() {
  is_native || { echo 'the guest is of another architecture' && return; }
  [ -e /dev/kvm ] || { echo '/dev/kvm is missing' && return; }
  [ -w /dev/kvm ] || { echo "/dev/kvm may not be opened by $(id -un)" && return; }
  timeout --kill-after=2 "$PROBE_LIMIT" "$(qemu)" -M "$(machine_type)" -accel kvm -cpu host -m 256 -nodefaults \
    -display none -no-reboot -serial "file:$machine/probe.log" -kernel "$disk/vmlinuz" -initrd "$disk/initrd" \
    -append "console=$(console_device) quiet panic=-1 glasspod.probe" >"$machine/probe-qemu.log" 2>&1 || :
  grep -qs 'glasspod-vm: a guest runs' "$machine/probe.log" && echo usable && return
  echo "/dev/kvm is there, but a guest does not run$(sed -n '1s/^/: /p' "$machine/probe-qemu.log")"
}

# Asked once a boot of this host.
read_kvm() {
  answer=$machine/kvm-$(cat /proc/sys/kernel/random/boot_id)
  [ -e "$answer" ] || probe_kvm >"$answer"
  cat "$answer"
}

free_port() {
  node -e 'const s=require("net").createServer().listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})'
}

read_pid() { cat "$machine/pid" 2>/dev/null; }

# Ours, and not whoever has the number now.
is_running() {
  pid=$(read_pid) && tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -- "-pidfile $machine/pid"
}

# For the guest's kernel. The translator keeps what it has translated by address: a program that lies elsewhere each
# time is translated anew, and a fork with its exec takes 45 ms instead of 18.
translated_kernel='norandmaps nokaslr'

start_qemu() {
  told=
  if [ "$(read_kvm)" = usable ]; then
    set -- -accel kvm -cpu host
  else
    say "boot: without KVM: $(read_kvm). Everything takes 5 to 20 times longer"
    told=$translated_kernel
    set -- -accel tcg,thread=multi -cpu "$(tcg_cpu)"
  fi
  TMPDIR=$machine "$(qemu)" "$@" -name glasspod-vm -M "$(machine_type)" -smp "$cpus" -m "$memory" \
    -nodefaults -display none -no-reboot -daemonize -pidfile "$machine/pid" \
    -serial "file:$console" -kernel "$disk/vmlinuz" -initrd "$disk/initrd" \
    -append "console=$(console_device) root=/dev/vda rw quiet mitigations=off panic=-1 $told" \
    -drive "file=$disk/disk.img,format=raw,if=virtio,cache=unsafe,snapshot=on" \
    -drive "file=$disk/swap.img,format=raw,if=virtio,cache=unsafe,snapshot=on" \
    -drive "file=$modules,format=raw,if=virtio,cache=unsafe,snapshot=on" \
    -netdev "user,id=net,net=192.168.76.0/24,dhcpstart=192.168.76.15,hostfwd=tcp:127.0.0.1:$port-192.168.76.15:22" \
    -device virtio-net-pci,netdev=net -device virtio-rng-pci >"$machine/qemu.log" 2>&1
}

write_ssh_config() {
  echo "glasspod-vm $(cat "$disk/host_key")" >"$machine/known_hosts"
  for user in pod root; do
    cat <<EOF
Host $user
  User $user
  HostName 127.0.0.1
  Port $port
  HostKeyAlias glasspod-vm
  UserKnownHostsFile "$machine/known_hosts"
  IdentityFile "$disk/key"
  IdentitiesOnly yes
  ConnectTimeout 60
  LogLevel ERROR
EOF
  done >"$machine/ssh_config"
}

await_readiness() {
  until grep -qs 'glasspod-vm: ready' "$console"; do
    is_running || fail_log boot 'the machine ended while it was booting' "$console"
    [ "$(($(seconds) - booting))" -lt "$BOOT_LIMIT" ] ||
      fail_log boot "no login within $BOOT_LIMIT s" "$console" 'scripts/vm down, and again'
    sleep 0.2
  done
}

boot() {
  mkdir -p "$machine"
  : >"$console"
  say "boot: $cpus processors, $memory MiB (log: $console)"
  booting=$(seconds)
  tries=0
  port=$(free_port)
  # somebody may have taken the port since
  until start_qemu; do
    tries=$((tries + 1))
    if ! grep -qs 'host forwarding rule' "$machine/qemu.log" || [ "$tries" -ge 3 ]; then
      fail_log boot "$(qemu) did not start" "$machine/qemu.log"
    fi
    port=$(free_port)
  done
  write_ssh_config
  await_readiness
  [ -z "$told" ] || spare_faults
  say "boot: ready after $(($(seconds) - booting)) s"
}

# Page faults are dear for the translator: fewer, each for more pages, and a command of glasspod takes a tenth less.
# shellcheck disable=SC2016 # runs there
spare_faults() {
  in_guest root 'for setting in debug/fault_around_bytes=1048576 mm/transparent_hugepage/hugepages-64kB/enabled=always; do
    [ ! -w "/sys/kernel/${setting%=*}" ] || echo "${setting#*=}" >"/sys/kernel/${setting%=*}"
  done' </dev/null
}

# SIGTERM is QEMU's own way out; there is nothing on the disks to be saved.
power_off() {
  is_running || return 0
  kill "$pid"
  tries=0
  while is_running; do
    tries=$((tries + 1))
    [ "$tries" -ne 50 ] || kill -KILL "$pid"
    [ "$tries" -lt 100 ] || fail down "process $pid does not end"
    sleep 0.1
  done
  rm -f "$machine/pid"
}
