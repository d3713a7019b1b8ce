#!/bin/sh
# Odd networks, built in namespaces of the network: one line for each, with what came of it. Run it as root:
#
#     tests/networks.sh [PROGRAM] [NAME…]
#
# It needs iproute2, iptables, ethtool, python3 and a built program, and removes what it made.
set -u
program=$(realpath "${1:-target/debug/caiman}")
[ $# -gt 0 ] && shift
here=$(realpath "$(dirname "$0")")
work=$(mktemp -d)
p=net15
CAIMAN_INTERNET=off; export CAIMAN_INTERNET
CAIMAN_CONFIG_DIR=$work/config; export CAIMAN_CONFIG_DIR
CAIMAN_DATA_DIR=$work/data; export CAIMAN_DATA_DIR
unset ALL_PROXY all_proxy HTTPS_PROXY https_proxy NO_PROXY no_proxy

clean() {
    for host in $(ip netns list | sed -n "s/^\($p-[a-z]*\).*/\1/p"); do
        ip netns pids "$host" | xargs -r kill 2>/dev/null
        ip netns del "$host"
    done
    wait
}
trap 'clean; rm -rf "$work"' EXIT INT TERM

# in HOST COMMAND…
in_() { host=$1; shift; ip netns exec "$p-$host" "$@"; }

# hosts NAME…
hosts() {
    clean
    for host; do
        ip netns add "$p-$host"
        in_ "$host" ip link set lo up
    done
}

# wire A ADDRESS B ADDRESS: a cable between two hosts, with offloads off, so that packets have the size that they seem to have.
wire() {
    ip link add "$1-$3" netns "$p-$1" type veth peer name "$3-$1" netns "$p-$3"
    for end in "$1 $1-$3 $2" "$3 $3-$1 $4"; do
        set -- $end "$@"
        in_ "$1" ethtool -K "$2" gro off tso off gso off >/dev/null 2>&1
        [ "$3" = - ] || in_ "$1" ip addr add "$3" dev "$2"
        in_ "$1" ip link set "$2" up
        shift 3
    done
}

# transfer TITLE SENDER RECEIVER "SEND OPTIONS" "RECEIVE OPTIONS" [FILE]: says how both ended, how long it took, and what was said.
transfer() {
    title=$1 from=$2 to=$3 send=$4 receive=$5 what=${6:-$work/a.bin}
    rm -rf "$work/out" "$work/send.log" "$work/receive.log"
    mkdir "$work/out"
    code=alpha-beta-$(printf %04d $$ | tail -c 4)-gamma
    # shellcheck disable=SC2086
    in_ "$from" timeout 100 "$program" send --code "$code" $send "$what" >"$work/send.log" 2>&1 &
    sending=$!
    i=0
    until grep -q "$code" "$work/send.log" || [ $i -ge 100 ]; do sleep 0.1; i=$((i + 1)); done
    sleep "${pause:-0}"
    began=$(date +%s.%N)
    # shellcheck disable=SC2086
    in_ "$to" timeout 60 "$program" receive "$code" --yes --out "$work/out" $receive >"$work/receive.log" 2>&1
    received=$?
    took=$(echo "$(date +%s.%N) - $began" | bc)
    [ $received = 0 ] || kill $sending 2>/dev/null
    wait $sending
    printf '%s: sender %s, receiver %s, %.1f s' "$title" $? $received "$took"
    diff -rq "$what" "$work/out/$(basename "$what")" >/dev/null 2>&1 && printf ', arrived whole'
    echo
    if [ -n "${verbose:-}" ]; then sed 's/^/    S: /' "$work/send.log"; sed 's/^/    R: /' "$work/receive.log"; fi
    grep -h -i -E "${notable:-large packets|refuse|proxy|reach}" "$work/send.log" "$work/receive.log" | sort -u | sed 's/^/    /'
}

relay() { in_ "$1" "$program" relay --data-ports none >"$work/relay.log" 2>&1 & sleep 0.5; }

# Two hosts and a relay around a router. The router's link to the second host takes 1280 bytes and says nothing about it.
hole() {
    hosts a r b c
    wire a 10.1.0.1/24 r 10.1.0.254/24
    wire b 10.2.0.1/24 r 10.2.0.254/24
    wire c 10.3.0.1/24 r 10.3.0.254/24
    in_ r sysctl -qw net.ipv4.ip_forward=1
    for host in a:10.1 b:10.2 c:10.3; do in_ "${host%:*}" ip route add default via "${host#*:}.0.254"; done
    in_ r ip link set r-b mtu 1280
    in_ r iptables -A OUTPUT -p icmp --icmp-type fragmentation-needed -j DROP
    # The way back is as narrow.
    in_ r iptables -A FORWARD -i r-b -m length --length 1281: -j DROP
    relay c
}
hole_direct() { hole; transfer "hole, direct" a b "--server 10.3.0.1" "--server 10.3.0.1"; }
hole_relay() { hole; transfer "hole, relay, to the receiver" a b "--server 10.3.0.1 --path relay" "--server 10.3.0.1 --path relay"; }
hole_relay_back() { hole; transfer "hole, relay, from the sender" b a "--server 10.3.0.1 --path relay" "--server 10.3.0.1 --path relay"; }
hole_offer() {
    hole
    mkdir "$work/many"; (cd "$work/many" && seq -f "%05g-with-a-name-of-some-length" 5000 | xargs touch)
    transfer "hole, relay, 5000 names" a b "--server 10.3.0.1 --path relay" "--server 10.3.0.1 --path relay" "$work/many"
}

head -c 3000000 /dev/urandom >"$work/a.bin"
for test in "${@:-hole_direct hole_relay hole_relay_back hole_offer}"; do
    for one in $test; do $one; done
done
