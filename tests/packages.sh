#!/usr/bin/env bash
# Tries the Linux packages where they are to be installed: in fresh Debian systems, each in a folder of its own, with a window on a
# display of this script's, and with transfers between the different packages. apt installs what is for Debian. rpm and pacman install
# what is for Fedora and Arch, into a Debian system too: they run the packages' scripts and remove everything again, but what a package
# needs is not looked for. With trixie, apt installs the packages for 64-bit ARM there, which qemu runs.
#
#   tests/packages.sh DIST [SUITE…]        the suites are bullseye, bookworm and trixie, unless others are named
#
# Needs root, debootstrap, Xvfb, xwininfo, rpm, pacman (Debian's pacman-package-manager), and Debian's mirror. CAIMAN_SYSTEMS names a folder in which the bare
# systems are kept for the next time; CAIMAN_PICTURES one for pictures of the windows (needs ImageMagick).
set -euo pipefail
dist=$(realpath "$1")
shift
suites=("$@")
((${#suites[@]})) || suites=(bullseye bookworm trixie)
work=$(mktemp -d)
systems=${CAIMAN_SYSTEMS:-$work/systems}
display=:$((200 + RANDOM % 700))
mkdir -p "$systems"

clean() {
  local mounted
  jobs -p | xargs -r kill 2>/dev/null || true
  wait
  mount | awk -v below="$work/" 'index($3, below) == 1 {print $3}' | sort -r | while IFS= read -r mounted; do
    umount -l "$mounted"
  done
  rm -rf --one-file-system "$work"
}
trap clean EXIT

# Without -noreset it starts anew whenever its last client has left, which xwininfo is until the window is there.
Xvfb "$display" -screen 0 1280x900x24 -noreset >/dev/null 2>&1 &

# fresh NAME SUITE: a bare system of its own at $work/NAME, which nothing that happens in it can change for others.
fresh() {
  local root=$work/$1 bare=$systems/$2
  if [[ ! -e $bare/etc/debian_version ]]; then
    debootstrap --variant=minbase "$2" "$bare" >"$work/debootstrap.log" 2>&1
  fi
  mkdir -p "$root" "$work/$1.upper" "$work/$1.work"
  mount -t overlay overlay -o "lowerdir=$bare,upperdir=$work/$1.upper,workdir=$work/$1.work" "$root"
  mount -t proc proc "$root/proc"
  mount --bind /dev "$root/dev"
  mkdir -p "$root/tmp/.X11-unix" "$root/packages"
  mount --bind /tmp/.X11-unix "$root/tmp/.X11-unix"
  mount --bind "$dist" "$root/packages"
  cp /etc/resolv.conf "$root/etc/" 2>/dev/null || true
}

inside() {
  local name=$1 as=()
  shift
  # In the background it takes the place of the shell, so that a signal reaches the program.
  ((BASH_SUBSHELL == 0)) || as=(exec)
  "${as[@]}" chroot "$work/$name" env -i HOME=/root PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LANG=C.UTF-8 \
    DISPLAY="$display" XDG_RUNTIME_DIR=/run "$@"
}

# installed NAME FILE APT-FLAGS…: installs a package, with what it depends on.
installed() {
  inside "$1" apt-get update -q >"$work/apt.log" 2>&1
  inside "$1" apt-get install -y -q "${@:3}" "/packages/$2" >"$work/apt.log" 2>&1 || { tail -20 "$work/apt.log"; return 1; }
  echo "$1: $2 installed, $(inside "$1" caiman --version), $(grep -c '^Setting up' "$work/apt.log") packages set up"
}

# removed NAME PACKAGE: purges a package, and nothing of it stays.
removed() {
  local left
  inside "$1" dpkg -L "$2" >"$work/files"
  inside "$1" apt-get purge -y -q "$2" >"$work/apt.log" 2>&1
  left=$(while IFS= read -r file; do
    # Folders that other packages use as well stay.
    [[ -d $work/$1$file || ! -e $work/$1$file ]] || echo "$file"
  done <"$work/files")
  [[ -z $left ]] || { echo "$1: $2 leaves $left"; return 1; }
  echo "$1: $2 removed, none of its $(wc -l <"$work/files") files and folders stay but shared folders"
}

opens() {
  local window
  inside "$1" caiman >"$work/window.log" 2>&1 &
  local opened=$!
  for _ in {1..300}; do
    window=$(xwininfo -display "$display" -root -tree 2>/dev/null | grep -o '"Caiman[^)]*)' | head -1) || true
    if [[ -n $window ]] || ! kill -0 "$opened" 2>/dev/null; then
      break
    fi
    sleep 0.2
  done
  if [[ -n $window && -n ${CAIMAN_PICTURES:-} ]]; then
    # A window may be there for a while before anything is drawn in it.
    for _ in {1..60}; do
      sleep 2
      import -display "$display" -window root "$CAIMAN_PICTURES/$1.png"
      (($(identify -format %k "$CAIMAN_PICTURES/$1.png") < 20)) || break
    done
  fi
  kill "$opened" 2>/dev/null && { wait "$opened" 2>/dev/null || true; }
  [[ -n $window ]] || { cat "$work/window.log"; return 1; }
  echo "$1: a window opened: $window"
}

# transfers FROM TO: a file goes from one system to another, through a relay in the first.
transfers() {
  local code=blue-horse-7731-kitchen server='' sender
  head -c 20000000 /dev/urandom >"$work/$1/root/file"
  inside "$1" caiman relay --host 127.0.0.1 --port 0 --data-ports none >"$work/relay.log" 2>&1 &
  local relay=$!
  for _ in {1..100}; do
    server=$(sed -n 's/.*listening on \([0-9.:]*\),.*/\1/p' "$work/relay.log" | head -1)
    [[ -z $server ]] || break
    sleep 0.1
  done
  : >"$work/send.log"
  inside "$1" CAIMAN_INTERNET=off caiman send --server "$server" --code "$code" /root/file >"$work/send.log" 2>&1 &
  sender=$!
  for _ in {1..100}; do
    ! grep -q "$code" "$work/send.log" || break
    sleep 0.1
  done
  inside "$2" mkdir -p /root/in
  inside "$2" CAIMAN_INTERNET=off caiman receive "$code" --server "$server" --yes --out /root/in >"$work/receive.log" 2>&1 ||
    { tail -n +1 "$work"/{relay,send,receive}.log; return 1; }
  wait "$sender"
  kill "$relay" && { wait "$relay" || true; }
  cmp "$work/$1/root/file" "$work/$2/root/in/file"
  rm -r "${work:?}/$2/root/in"
  echo "$1 -> $2: 20 MB arrived"
}

# watched NAME: a stand-in for systemctl, which writes down what the scripts of packages ask for.
watched() {
  mkdir -p "$work/$1/run/systemd/system"
  printf '#!/bin/sh\necho "$*" >>/run/systemctl.log\n' >"$work/$1/usr/bin/systemctl"
  chmod 755 "$work/$1/usr/bin/systemctl"
}

# asked NAME LINE…: what the scripts have asked for since the last time is this, and nothing else.
asked() {
  local root=$work/$1
  shift
  diff <(printf '%s\n' "$@") "$root/run/systemctl.log" || { echo "the scripts ask systemctl for something else"; return 1; }
  rm "$root/run/systemctl.log"
}

restart=(daemon-reload "--no-block try-restart caiman-relay.service")
ended=("disable --now caiman-relay.service" daemon-reload)

# held NAME: all files and folders in which packages have anything.
held() { (cd "$work/$1" && find usr etc opt srv -xdev | sort); }

with_rpm() { rpm --force-debian --root "$work/$1" --dbpath /var/lib/rpm --nodeps "${@:2}"; }

with_pacman() {
  mkdir -p "$work/$1/var/lib/pacman" "$work/pacman"
  pacman --config "$work/pacman.conf" --root "$work/$1" --dbpath "$work/$1/var/lib/pacman" --cachedir "$work/pacman" \
    --logfile "$work/pacman.log" --noconfirm "${@:2}" >"$work/pacman.out" 2>&1 || { cat "$work/pacman.out"; return 1; }
  ! grep -iE 'warning|error' "$work/pacman.out" | grep -v 'is up to date -- reinstalling'
}

# by_others NAME: a package is installed by rpm or by pacman, sends and receives, is installed once more as an upgrade would be, agrees with
# what the package says, and is removed. Folders that belong to other packages on those systems may stay.
by_others() {
  local kind=${1%%-*} package=${1#*-} before left
  fresh "$1" "$first"
  watched "$1"
  if [[ $kind == pacman ]]; then
    # The scripts are in bash, which is sh on Arch.
    ln -sf bash "$work/$1/bin/sh"
  fi
  before=$(held "$1")
  case $kind in
  rpm)
    with_rpm "$1" -i "$dist/$package"-[0-9]*.x86_64.rpm
    asked "$1" "${restart[@]}"
    transfers "$1" "$first"
    with_rpm "$1" -U --replacepkgs "$dist/$package"-[0-9]*.x86_64.rpm
    asked "$1" "${restart[@]}" daemon-reload
    with_rpm "$1" -V "$package"
    with_rpm "$1" -e "$package"
    ;;
  pacman)
    with_pacman "$1" -Udd "$dist/$package"-[0-9]*-x86_64.pkg.tar.zst
    asked "$1" "${restart[@]}"
    transfers "$1" "$first"
    with_pacman "$1" -Udd "$dist/$package"-[0-9]*-x86_64.pkg.tar.zst
    asked "$1" "${restart[@]}"
    with_pacman "$1" -Qkk "$package"
    with_pacman "$1" -Rdd "$package"
    ;;
  esac
  asked "$1" "${ended[@]}"
  left=$(comm -13 <(echo "$before") <(held "$1") | while IFS= read -r file; do [[ -d $work/$1/$file ]] || echo "$file"; done)
  [[ -z $left ]] || { echo "$1 leaves $left"; return 1; }
  echo "$1: installed, upgraded, verified and removed; of its folders stay: $(comm -13 <(echo "$before") <(held "$1") | xargs)"
}

deb=$(cd "$dist" && echo caiman_*_amd64.deb) relay_deb=$(cd "$dist" && echo caiman-relay_*_amd64.deb)
for suite in "${suites[@]}"; do
  fresh "$suite" "$suite"
  installed "$suite" "$deb"
  opens "$suite"
  fresh "$suite-relay" "$suite"
  installed "$suite-relay" "$relay_deb"
  transfers "$suite" "$suite-relay"
  transfers "$suite-relay" "$suite"
done
first=${suites[0]}

fresh tarball "$first"
tar -xzf "$dist"/caiman-*-linux-x86_64-static.tar.gz -C "$work/tarball/root"
before=$(held tarball)
inside tarball sh -c '/root/caiman-*/install.sh /usr/local && caiman --version'
transfers tarball "$first"
inside tarball sh -c '/root/caiman-*/install.sh --remove /usr/local'
left=$(diff <(echo "$before") <(held tarball)) || { printf '%s\n' "install.sh leaves or takes:" "$left"; exit 1; }

printf '[options]\nSigLevel = Never\n' >"$work/pacman.conf"
rpm -qp --requires "$dist"/caiman-[0-9]*.x86_64.rpm | sort -u
for kind in rpm pacman; do
  by_others "$kind-caiman"
  by_others "$kind-caiman-relay"
done

# The package for 64-bit ARM, in a system that has both architectures.
arm=$(cd "$dist" && find . -name 'caiman_*_arm64.deb' -printf '%P')
if [[ " ${suites[*]} " == *" trixie "* && -n $arm ]]; then
  fresh arm64 trixie
  inside arm64 dpkg --add-architecture arm64
  inside arm64 apt-get update -q >"$work/apt.log" 2>&1
  inside arm64 apt-get install -y -q --no-install-recommends qemu-user libgl1-mesa-dri:arm64 >"$work/apt.log" 2>&1
  printf '#!/bin/sh\nexec qemu-aarch64 /usr/bin/caiman "$@"\n' >"$work/arm64/usr/local/bin/caiman"
  chmod 755 "$work/arm64/usr/local/bin/caiman"
  installed arm64 "$arm" --no-install-recommends
  opens arm64
  transfers arm64 trixie
  transfers trixie arm64
  removed arm64 caiman:arm64
fi

for suite in "${suites[@]}"; do
  removed "$suite" caiman
  removed "$suite-relay" caiman-relay
done
