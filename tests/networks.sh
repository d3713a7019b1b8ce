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
p=caiman
number=0
CAIMAN_INTERNET=off; export CAIMAN_INTERNET
CAIMAN_CONFIG_DIR=$work/config; export CAIMAN_CONFIG_DIR
CAIMAN_DATA_DIR=$work/data; export CAIMAN_DATA_DIR
unset ALL_PROXY all_proxy HTTPS_PROXY https_proxy NO_PROXY no_proxy

clean() {
    for host in $(ip netns list | sed -n "s/^\($p-[a-z]*\).*/\1/p"); do
        ip netns pids "$host" | xargs -r kill 2>/dev/null
        ip netns del "$host"
        rm -rf "/etc/netns/$host"
    done
    wait
}
trap 'clean; rm -rf "$work"' EXIT INT TERM

# in_ HOST COMMAND…
in_() { at=$1; shift; ip netns exec "$p-$at" "$@"; }

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
    : >"$work/send.log"
    number=$((number + 1))
    code=alpha-beta-$(printf %04d $number)-gamma
    # shellcheck disable=SC2086
    in_ "$from" timeout 250 "$program" send --code "$code" $send "$what" >"$work/send.log" 2>&1 &
    sending=$!
    i=0
    until grep -q "$code" "$work/send.log" || [ $i -ge 100 ]; do sleep 0.1; i=$((i + 1)); done
    sleep "${pause:-0}"
    began=$(date +%s.%N)
    receive="receive $code --out $work/out $receive"
    if [ -n "${thinks:-}" ]; then
        # The receiver's user answers after this many seconds.
        (sleep "$thinks"; echo y; sleep 10) | script -qec "ip netns exec $p-$to timeout 200 $program $receive" /dev/null >"$work/receive.log" 2>&1
    else
        # shellcheck disable=SC2086
        in_ "$to" timeout 60 "$program" $receive --yes >"$work/receive.log" 2>&1
    fi
    received=$?
    took=$(echo "$(date +%s.%N) - $began" | bc)
    [ $received = 0 ] || ip netns pids "$p-$from" | xargs -r kill 2>/dev/null
    wait $sending 2>/dev/null
    printf '%s: sender %s, receiver %s, %.1f s' "$title" $? $received "$took"
    diff -rq "$what" "$work/out/$(basename "$what")" >/dev/null 2>&1 && printf ', arrived whole'
    echo
    if [ -n "${verbose:-}" ]; then sed 's/^/    S: /' "$work/send.log"; sed 's/^/    R: /' "$work/receive.log"; fi
    grep -h -i -E "${notable:-large packets|refuse|proxy|reach}" "$work/send.log" "$work/receive.log" | sort -u | sed 's/^/    /'
}

big() { head -c 60000000 /dev/urandom >"$work/big.bin"; echo "$work/big.bin"; }
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
hole_direct() {
    hole
    in_ r iptables -A FORWARD -o r-c -j ACCEPT
    transfer "hole, direct, 60 MB" a b "--server 10.3.0.1 --rate 10MB" "--server 10.3.0.1" "$(big)"
    in_ r iptables -nvxL FORWARD | awk '$7 == "r-c" { print "    bytes to the relay: " $2 }'
}
hole_relay() { hole; transfer "hole, relay, to the receiver" a b "--server 10.3.0.1 --path relay" "--server 10.3.0.1 --path relay"; }
hole_relay_back() { hole; transfer "hole, relay, from the sender" b a "--server 10.3.0.1 --path relay" "--server 10.3.0.1 --path relay"; }
hole_offer() {
    hole
    mkdir "$work/many"; (cd "$work/many" && seq -f "%05g-with-a-name-of-some-length" 5000 | xargs touch)
    transfer "hole, relay, 5000 names" a b "--server 10.3.0.1 --path relay" "--server 10.3.0.1 --path relay" "$work/many"
}


# A home behind a translating router that forgets idle connections after 30 s and drops what it has forgotten.
nat() {
    hosts a r b c
    wire a 192.168.1.10/24 r 192.168.1.1/24
    wire c 203.0.113.3/24 r 203.0.113.1/24
    wire b 203.0.114.2/24 r 203.0.114.1/24
    in_ r sysctl -qw net.ipv4.ip_forward=1 net.netfilter.nf_conntrack_tcp_timeout_established=30
    in_ a ip route add default via 192.168.1.1
    in_ b ip route add default via 203.0.114.1
    in_ c ip route add default via 203.0.113.1
    in_ r iptables -t nat -A POSTROUTING -s 192.168.1.0/24 -j MASQUERADE
    in_ r iptables -A FORWARD -m conntrack --ctstate INVALID -j DROP
    in_ r iptables -A FORWARD -d 192.168.1.0/24 -m conntrack ! --ctstate ESTABLISHED -j DROP
    relay c
}
nat_room() {
    nat
    pause=100 transfer "NAT that forgets after 30 s, 100 s in the room" a b "--server 203.0.113.3" "--server 203.0.113.3"
}
nat_question() {
    nat
    thinks=80 transfer "NAT that forgets after 30 s, 80 s at the question" a b "--server 203.0.113.3 --path relay" "--server 203.0.113.3 --path relay"
}

# A network from which only a proxy can be reached, and a relay that only the proxy's name service knows.
proxied() {
    hosts a p c
    wire a 10.1.0.1/24 p 10.1.0.2/24
    wire c 203.0.113.3/24 p 203.0.113.1/24
    mkdir -p "/etc/netns/$p-p"
    printf '203.0.113.3 relay.example.org\n127.0.0.1 localhost\n' >"/etc/netns/$p-p/hosts"
    # Whatever else a and c try to reach would be seen here.
    in_ a ip route add default via 10.1.0.2
    in_ p iptables -A FORWARD -j DROP
    in_ p iptables -A INPUT -i p-a -p tcp --dport 1080 -j ACCEPT
    in_ p iptables -A INPUT -i p-a -p icmpv6 -j ACCEPT
    in_ p iptables -A INPUT -i p-a -j DROP
    relay c
    in_ p microsocks -i 10.1.0.2 2>/dev/null &
    sleep 0.3
}
proxy() {
    proxied
    options="--server relay.example.org --proxy socks5://10.1.0.2:1080 --path relay"
    transfer "only a proxy" a c "$options" "--server 127.0.0.1"
    in_ p iptables -nvxL INPUT | awk '/DROP/ && $3 == "DROP" { print "    packets to anything else: " $1 }'
    in_ p iptables -nvxL FORWARD | awk '$3 == "DROP" { print "    packets past the proxy: " $1 }'
}
proxy_environment() {
    proxied
    ALL_PROXY=socks5://10.1.0.2:1080 transfer "a proxy in the environment" a c "--server relay.example.org" "--server 127.0.0.1 --proxy off"
}

# Relays that refuse, are silent, or let only their control port through.
refused() {
    hosts a c d
    wire a 10.1.0.1/24 c 10.1.0.2/24
    wire a 10.2.0.1/24 d 10.2.0.2/24
    in_ c iptables -A INPUT -p tcp --dport 27001 -j REJECT --reject-with tcp-reset
    transfer "a relay that refuses" a a "--server 10.1.0.2" "--server 10.1.0.2 --path relay"
    mkdir -p "$CAIMAN_CONFIG_DIR"
    printf '[[relay]]\naddress = "10.1.0.2"\n[[relay]]\naddress = "10.2.0.2"\n' >"$CAIMAN_CONFIG_DIR/settings.toml"
    relay d
    notable="relay|refuse" transfer "the next relay of the settings" a d "--path relay" "--server 127.0.0.1 --path relay"
    rm "$CAIMAN_CONFIG_DIR/settings.toml"
    in_ c iptables -F
    in_ c iptables -A INPUT -p tcp --dport 27002:27009 -j DROP
    in_ c "$program" relay >/dev/null 2>&1 &
    sleep 0.5
    transfer "a relay without its data ports" a c "--server 10.1.0.2 --path relay" "--server 127.0.0.1 --path relay"
}

# Two homes with the same subnet, and at the address of each machine a stranger's machine in the other home, which takes connections
# and says nothing.
same_subnet() {
    hosts a r s b c x y
    for home in a:r:x:1 b:s:y:2; do
        IFS=: read -r host router stranger number <<END
$home
END
        wire "$host" - "$router" -
        wire "$stranger" - "$router" -
        in_ "$router" ip link add lan type bridge
        in_ "$router" ip link set "$router-$host" master lan
        in_ "$router" ip link set "$router-$stranger" master lan
        in_ "$router" ip addr add 192.168.1.254/24 dev lan
        in_ "$router" ip link set lan up
        in_ "$host" ip addr add "192.168.1.$number/24" dev "$host-$router"
        in_ "$stranger" ip addr add "192.168.1.$((3 - number))/24" dev "$stranger-$router"
        in_ "$host" ip route add default via 192.168.1.254
        wire "$router" "203.0.113.$number/24" c -
        in_ "$router" sysctl -qw net.ipv4.ip_forward=1
        in_ "$router" iptables -t nat -A POSTROUTING -o "$router-c" -j MASQUERADE
        in_ "$stranger" iptables -t nat -A PREROUTING -p tcp -j REDIRECT --to-ports 9
        in_ "$stranger" python3 -c '
import socket
listener = socket.create_server(("", 9), backlog=64)
taken = []
while True: taken.append(listener.accept())' &
    done
    in_ c ip link add net type bridge
    in_ c ip link set net up
    in_ c ip link set c-r master net
    in_ c ip link set c-s master net
    in_ c ip addr add 203.0.113.3/24 dev net
    relay c
    sleep 0.5
    transfer "two homes with the same subnet" a b "--server 203.0.113.3" "--server 203.0.113.3"
}

# Two machines in one home without multicast, a relay outside that sees both behind one address.
one_home() {
    hosts a b r c
    wire a - r -
    wire b - r -
    in_ r ip link add lan type bridge
    for host in a b; do in_ r ip link set "r-$host" master lan; done
    in_ r ip addr add 192.168.1.254/24 dev lan
    in_ r ip link set lan up
    in_ a ip addr add 192.168.1.1/24 dev a-r
    in_ b ip addr add 192.168.1.2/24 dev b-r
    for host in a b; do
        in_ "$host" ip route add default via 192.168.1.254
        in_ "$host" iptables -A INPUT -p udp --dport 5353 -j DROP
    done
    wire r 203.0.113.1/24 c 203.0.113.3/24
    in_ r sysctl -qw net.ipv4.ip_forward=1
    in_ r iptables -t nat -A POSTROUTING -o r-c -j MASQUERADE
    in_ r iptables -A FORWARD -o r-c -j ACCEPT
    relay c
    transfer "one home, a relay outside" a b "--server 203.0.113.3 --rate 20MB" "--server 203.0.113.3" "$(big)"
    in_ r iptables -nvxL FORWARD | awk '$7 == "r-c" { print "    bytes that left the home: " $2 }'
}

# A cable between two machines, and nothing but link-local addresses.
cable() {
    hosts a b
    wire a - b -
    sleep 2
    transfer "a cable, link-local addresses alone" a b "" ""
}

# A network with IPv6 alone and a gateway to IPv4; the relay is named by its IPv4 address.
nat64() {
    hosts a g c
    ip link add a-g netns "$p-a" type veth peer name g-a netns "$p-g"
    in_ a ip link set a-g up
    in_ g ip link set g-a up
    in_ a ip addr add 2001:db8:1::1/64 dev a-g nodad
    in_ g ip addr add 2001:db8:1::2/64 dev g-a nodad
    in_ a ip route add default via 2001:db8:1::2
    wire g 203.0.113.1/24 c 203.0.113.3/24
    in_ c ip route add 192.0.2.0/24 via 203.0.113.1
    in_ g sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
    printf 'tun-device nat64\nipv4-addr 192.0.2.1\nprefix 2001:db8:64::/96\ndynamic-pool 192.0.2.0/24\ndata-dir %s\n' "$work" >"$work/tayga.conf"
    in_ g tayga --mktun -c "$work/tayga.conf" >/dev/null 2>&1
    in_ g ip link set nat64 up
    in_ g ip addr add 2001:db8:1::3 dev nat64
    in_ g ip addr add 192.0.2.254 dev nat64
    in_ g ip route add 2001:db8:64::/96 dev nat64
    in_ g ip route add 192.0.2.0/24 dev nat64
    in_ g tayga -d -c "$work/tayga.conf" >/dev/null 2>&1 &
    mkdir -p "/etc/netns/$p-a"
    echo 'nameserver 2001:db8:1::2' >"/etc/netns/$p-a/resolv.conf"
    in_ g dnsmasq -k --conf-file=/dev/null --no-resolv --no-hosts --pid-file= --user=root \
        --host-record=ipv4only.arpa,192.0.0.170,2001:db8:64::c000:aa >/dev/null 2>&1 &
    relay c
    sleep 1
    transfer "IPv6 alone, the relay by its IPv4 address" a c "--server 203.0.113.3" "--server 127.0.0.1"
}

head -c 3000000 /dev/urandom >"$work/a.bin"
all="hole_direct hole_relay hole_relay_back hole_offer proxy proxy_environment refused same_subnet one_home cable nat64 nat_room nat_question"
for test in ${@:-$all}; do "$test"; done
