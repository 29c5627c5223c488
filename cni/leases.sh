# shellcheck shell=sh disable=SC2034,SC2154 # read by cni/bridge: the variables are its
# Addresses of a subnet and who has them: a directory of files, one an address, whose content names the container and
# its interface. Taken under a lock; given back without one.

# parse_address ADDRESS: sets $number; false when it is not a dotted IPv4 address.
parse_address() {
  case $1 in '' | .* | *. | *..* | *[!0-9.]*) return 1 ;; esac
  saved_ifs=$IFS
  IFS=.
  # shellcheck disable=SC2086 # the split at the dots is meant
  set -- $1
  IFS=$saved_ifs
  [ $# -eq 4 ] || return 1
  number=0
  for part; do
    # no leading zero: shell arithmetic would read an octal number
    case $part in 0?* | ????*) return 1 ;; esac
    [ "$part" -le 255 ] || return 1
    number=$((number * 256 + part))
  done
}

# format_address NUMBER: sets $address.
format_address() {
  address=$(($1 >> 24)).$(($1 >> 16 & 255)).$(($1 >> 8 & 255)).$(($1 & 255))
}

# plan_range: from the configuration, numbers $first to $last, $gateway_number, and $prefix.
plan_range() {
  prefix=${subnet#*/}
  case $subnet in */*) ;; *) prefix=x ;; esac
  case $prefix in '' | *[!0-9]* | 0?* | ???*) prefix=99 ;; esac
  if [ "$prefix" -lt 8 ] || [ "$prefix" -gt 30 ] || ! parse_address "${subnet%/*}"; then
    fail "$CONFIG" "ipam.subnet: an IPv4 network with a prefix of 8 to 30 is expected: $subnet"
  fi
  size=$((1 << (32 - prefix)))
  base=$((number / size * size))
  [ "$base" -eq "$number" ] || fail "$CONFIG" "ipam.subnet: host bits are set: $subnet"
  first=$((base + 1))
  last=$((base + size - 2))
  gateway_number=$first
  if [ -n "$gateway" ]; then
    parse_in_subnet ipam.gateway "$gateway"
    gateway_number=$number
  fi
  format_address "$gateway_number"
  gateway=$address
  if [ -n "$range_start" ]; then
    parse_in_subnet ipam.rangeStart "$range_start"
    first=$number
  fi
  if [ -n "$range_end" ]; then
    parse_in_subnet ipam.rangeEnd "$range_end"
    last=$number
  fi
  [ "$first" -le "$last" ] || fail "$CONFIG" "ipam.rangeStart: $range_start is above ipam.rangeEnd $range_end"
  for route in $routes; do
    destination=${route%,*}
    case ${destination#*/} in '' | *[!0-9]* | ???*) parse_address x ;; *) parse_address "${destination%/*}" ;; esac ||
      fail "$CONFIG" "ipam.routes: an IPv4 network is expected: $destination"
    [ -z "${route#*,}" ] || parse_address "${route#*,}" || fail "$CONFIG" "ipam.routes: invalid gw: ${route#*,}"
  done
}

# parse_in_subnet FIELD ADDRESS: sets $number.
parse_in_subnet() {
  parse_address "$2" || fail "$CONFIG" "$1: an IPv4 address is expected: $2"
  if [ "$number" -le "$base" ] || [ "$number" -ge $((base + size - 1)) ]; then
    fail "$CONFIG" "$1: $2 is not a host address of $subnet"
  fi
}

# name_lease NUMBER: sets what follows from an address: $address, $veth, and the hardware addresses of both ends.
name_lease() {
  format_address "$1"
  saved_ifs=$IFS
  IFS=.
  # shellcheck disable=SC2086,SC2046 # four numbers
  set -- $address
  IFS=$saved_ifs
  hex=$(printf '%02x:%02x:%02x:%02x' "$@")
  mac=0a:58:$hex
  # The bridge end's is high: a bridge takes the lowest address of its ports unless it was given one of its own.
  veth_mac=fe:58:$hex
  IFS=:
  # shellcheck disable=SC2086 # four pairs of digits
  set -- $hex
  IFS=$saved_ifs
  veth=veth$1$2$3$4
}

# find_lease: sets $number from the lease of this container and interface; false when there is none.
find_lease() {
  # The status says nothing: it is 2, in spite of a match, when another DEL takes its file away meanwhile.
  lease=$(grep -slxF -- "$CNI_CONTAINERID $CNI_IFNAME" "$dir"/[0-9]*) || :
  [ -n "$lease" ] || return 1
  # one owner, one lease; a second line could only come from a hand that edited the files
  parse_address "${lease##*/}"
}

# take_lease: sets $number: the requested, else the next free address after the last one given, so that an address
# rests as long as possible before someone else gets it. An empty file is the trace of a crash, and free.
take_lease() {
  requested=
  case ";${CNI_ARGS:-};" in
    *';IP='*)
      requested=";${CNI_ARGS};"
      requested=${requested#*;IP=}
      requested=${requested%%;*}
      parse_in_subnet 'CNI_ARGS IP' "$requested"
      if [ "$number" -eq "$gateway_number" ] || [ -s "$dir/$requested" ]; then
        fail "$EXHAUSTED" "address $requested of network $network: already in use"
      fi
      ;;
    *)
      number=0
      if [ -s "$dir/last" ]; then
        read -r address <"$dir/last"
        parse_address "$address" || number=0
      fi
      tried=$first
      while :; do
        number=$((number + 1))
        if [ "$number" -lt "$first" ] || [ "$number" -gt "$last" ]; then number=$first; fi
        format_address "$number"
        if [ "$number" -ne "$gateway_number" ] && [ ! -s "$dir/$address" ]; then break; fi
        if [ "$tried" -ge "$last" ]; then
          format_address "$first"
          low=$address
          format_address "$last"
          fail "$EXHAUSTED" "network $network: no free address in $low-$address" "leases are files in $dir"
        fi
        tried=$((tried + 1))
      done
      printf '%s\n' "$address" >"$dir/last"
      ;;
  esac
  format_address "$number"
  printf '%s %s\n' "$CNI_CONTAINERID" "$CNI_IFNAME" >"$dir/$address"
}
