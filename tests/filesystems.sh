#!/usr/bin/env bash
# Real file systems: sends one tree into each of them and checks what arrives and what is said. Prints one line for each.
# `tests/filesystems.sh CAIMAN` takes the program to try. It needs root, loop devices and FUSE, and leaves out, by name, what
# this machine can't mount. Debian's packages: exfat-fuse exfatprogs ntfs-3g gocryptfs bindfs dosfstools e2fsprogs
# strace.
set -euo pipefail
caiman=$(realpath "$1")
work=$(mktemp -d)
export CAIMAN_CONFIG_DIR=$work/config CAIMAN_DATA_DIR=$work/data CAIMAN_INTERNET=off
mounted=()
loops=()
relay=
number=0
failed=()

cleanup() {
  [[ -z "$relay" ]] || kill "$relay" 2>/dev/null || true
  local at
  for at in "${mounted[@]}"; do
    umount "$at" 2>/dev/null || umount -l "$at" 2>/dev/null || true
  done
  for at in "${loops[@]}"; do
    losetup -d "$at" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap cleanup EXIT

"$caiman" relay --host 127.0.0.1 --port 0 --data-ports none >"$work/relay.log" 2>&1 &
relay=$!
for _ in {1..100}; do
  server=$(sed -n 's/^Relay listening on \([0-9.:]*\),.*/\1/p' "$work/relay.log")
  [[ -z "$server" ]] || break
  sleep 0.1
done

# The tree that is sent.
tree=$work/tree
long=$(printf 'n%.0s' {1..200}).txt
mkdir -p "$tree/Talks: 2024" "$tree/many" "$tree/private"
echo talk >"$tree/Talks: 2024/What time is it?.txt"
echo dots >"$tree/trailing."
echo long >"$tree/$long"
echo upper >"$tree/README.md"
echo lower >"$tree/Readme.md"
echo latin >"$tree/$(printf 'caf\xe9.txt')"
printf '#!/bin/sh\n' >"$tree/run.sh"
echo key >"$tree/private/id"
head -c 3000000 /dev/urandom >"$tree/large"
truncate -s 64M "$tree/sparse"
printf data | dd of="$tree/sparse" bs=1 seek=30000000 conv=notrunc status=none
for name in {1..100}; do echo "$name" >"$tree/many/$name"; done
chmod 755 "$tree/run.sh"
chmod 600 "$tree/private/id"
chmod 700 "$tree/private"
touch -d '2001-02-03 04:05:06.789' "$tree/large"

# image SIZE MAKE...: the path of a loop device with a new file system on it.
image() {
  local file=$work/image.$number size=$1
  shift
  truncate -s "$size" "$file"
  "$@" "$file" >/dev/null 2>&1 || return
  losetup -f --show "$file"
}

# give OUT [WRAPPER...]: sends the tree into OUT; leaves both exit codes in $codes and what the receiver said in $said.
give() {
  local out=$1 code=blue-horse-$((1000 + number))-kitchen sender
  shift
  : >"$work/send.log"
  : >"$work/receive.log"
  "$caiman" send --path relay --server "$server" --code "$code" "${payload[@]}" >"$work/send.log" 2>&1 &
  sender=$!
  for _ in {1..200}; do
    grep -q "$code" "$work/send.log" && break
    sleep 0.05
  done
  codes=0
  timeout 120 "$@" "$caiman" receive "$code" --path relay --server "$server" --yes "${options[@]}" --out "$out" \
    >"$work/receive.log" 2>&1 || codes=$?
  local sent=0
  wait "$sender" || sent=$?
  codes="$codes $sent"
  said=$(cat "$work/receive.log")
}

# The contents of all files below a folder, whatever their names.
contents() {
  find "$1" -type f -not -path '*/.caiman-*' -print0 | xargs -0 sha256sum | cut -d' ' -f1 | sort
}

expected=$(contents "$tree")

# says TEXT: the receiver must have said it.
says() {
  [[ "$said" == *"$1"* ]] || problems+=("it did not say '$1'")
}

# is PATH: it must have arrived under this name.
is() {
  [[ -e "$out/tree/$1" ]] || problems+=("there is no $1")
}

has_mode() {
  local found
  found=$(stat -c %a "$out/tree/$2" 2>&1)
  [[ "$found" == "$1" ]] || problems+=("$2 has mode $found, not $1")
}

# into NAME MOUNTPOINT [WRAPPER...]: sends the tree there; everything must arrive.
into() {
  name=$1 out=$2
  shift 2
  number=$((number + 1))
  problems=()
  give "$out" "$@"
  [[ "$codes" == "0 0" ]] || problems+=("exit codes $codes")
  [[ "$(contents "$out")" == "$expected" ]] || problems+=("what is there is not what was sent")
  ! ls -A "$out" | grep -q '^\.caiman-' || problems+=("something is left behind")
}

# Reports what `into` and the checks after it have found.
report() {
  local notes
  notes=$(grep -E 'becomes|does not keep|Left out|Not enough' <<<"$said" | cut -c1-160 | head -4 | paste -sd';' || true)
  if ((${#problems[@]})); then
    printf '%-28s FAILED: %s\n' "$name" "$(IFS=';'; echo "${problems[*]}")"
    sed 's/^/    /' "$work/receive.log" | tail -8
    failed+=("$name")
  else
    printf '%-28s ok%s\n' "$name" "${notes:+: $notes}"
  fi
}

absent() {
  printf '%-28s left out: %s\n' "$1" "$2"
}

# mount_at POINT COMMAND...: mounts, and remembers it.
mount_at() {
  local point=$1
  shift
  mkdir -p "$point"
  "$@" >"$work/mount.log" 2>&1 || return
  mounted=("$point" "${mounted[@]}")
}

payload=("$tree") options=()

mkdir "$work/plain"
into "plain folder" "$work/plain"
has_mode 755 run.sh
has_mode 600 private/id
has_mode 700 private
is "$(printf 'caf\xe9.txt')"
[[ "$(stat -c %.9Y "$out/tree/large")" == "$(stat -c %.9Y "$tree/large")" ]] || problems+=("the time differs")
(($(stat -c %b "$out/tree/sparse") < 2048)) || problems+=("the holes are filled")
report

if device=$(image 300M mkfs.exfat) && loops+=("$device") && mount_at "$work/exfat" mount.exfat-fuse "$device" "$work/exfat"; then
  into "exFAT (FUSE)" "$work/exfat"
  is "Talks_ 2024/What time is it_.txt"
  says "becomes"
  report
else
  absent "exFAT (FUSE)" "$(tail -1 "$work/mount.log" 2>/dev/null)"
fi

if device=$(image 300M mkfs.ntfs -F -Q) && loops+=("$device") &&
  mount_at "$work/ntfs" ntfs-3g -o windows_names "$device" "$work/ntfs"; then
  into "NTFS (windows_names)" "$work/ntfs"
  is "Talks_ 2024/What time is it_.txt"
  says "becomes"
  report
else
  absent "NTFS (windows_names)" "$(tail -1 "$work/mount.log" 2>/dev/null)"
fi

if device=$(image 300M mkfs.vfat -F 32) && loops+=("$device") &&
  mount_at "$work/fat" mount -t vfat "$device" "$work/fat"; then
  into "FAT32" "$work/fat"
  is "Talks_ 2024/What time is it_.txt"
  report
else
  absent "FAT32" "$(head -1 "$work/mount.log" 2>/dev/null)"
fi

mkdir "$work/cipher"
if gocryptfs -init -q -longnames=false -extpass 'echo x' "$work/cipher" >"$work/mount.log" 2>&1 &&
  mount_at "$work/gocryptfs" gocryptfs -q -longnames=false -extpass 'echo x' "$work/cipher" "$work/gocryptfs"; then
  into "gocryptfs, short names" "$work/gocryptfs"
  says "becomes tree/nnnn"
  report
else
  absent "gocryptfs, short names" "$(tail -1 "$work/mount.log")"
fi

mkdir "$work/under"
if mount_at "$work/bindfs" bindfs --chmod-deny "$work/under" "$work/bindfs"; then
  into "bindfs without chmod" "$work/bindfs"
  says "does not keep which files are programs"
  report
else
  absent "bindfs without chmod" "$(tail -1 "$work/mount.log")"
fi

if mount_at "$work/ramfs" mount -t ramfs ramfs "$work/ramfs"; then
  into "ramfs" "$work/ramfs"
  report
else
  absent "ramfs" "$(tail -1 "$work/mount.log")"
fi

if device=$(image 300M mkfs.ext4 -q -O casefold) && loops+=("$device") &&
  mount_at "$work/casefold" mount "$device" "$work/casefold" && mkdir "$work/casefold/folded" &&
  chattr +F "$work/casefold/folded"; then
  into "ext4 with casefold" "$work/casefold/folded"
  says "becomes tree/Readme (2).md"
  report
else
  absent "ext4 with casefold" "this kernel has none"
fi

mkdir "$work"/{lower,upper,workdir}
if mount_at "$work/overlay" mount -t overlay overlay -o "lowerdir=$work/lower,upperdir=$work/upper,workdir=$work/workdir" "$work/overlay"; then
  into "overlay" "$work/overlay"
  report
else
  absent "overlay" "$(tail -1 "$work/mount.log")"
fi

# What mounts refuse that can't be had here: the same answers of the system, given by strace.
refused() {
  local what=$1
  shift
  mkdir "$work/refused.$number"
  into "$what" "$work/refused.$number" strace -f -qq -o /dev/null "$@"
}
if command -v strace >/dev/null; then
  refused "no renameat2, no link" -e inject=renameat2:error=EINVAL -e inject=linkat,link:error=EPERM
  report
  for error in ENOSYS ENOLCK EOPNOTSUPP; do
    refused "no locks ($error)" -e inject=flock:error=$error
    report
  done
  refused "no times" -e inject=utimensat:error=EPERM
  says "does not keep when"
  report
  refused "no chmod" -e inject=fchmod,fchmodat,chmod:error=EPERM
  says "does not keep which files are programs"
  report
  refused "no fsync" -e inject=fsync,fdatasync:error=EINVAL
  report
  refused "no syncfs" -e inject=syncfs:error=EBADF
  report
else
  absent "refused calls" "no strace"
fi

# A 200 GB image with 100 MB of data to a disk with 1 GB free.
truncate -s 200G "$work/disk.img"
for at in {0..99}; do
  head -c 1000000 /dev/urandom | dd of="$work/disk.img" bs=1M seek=$((at * 1900)) conv=notrunc status=none
done
mkdir -p "$work/small"
if mount_at "$work/small" mount -t tmpfs -o size=1G tmpfs "$work/small"; then
  name="200 GB image, 1 GB free" number=$((number + 1)) problems=() payload=("$work/disk.img")
  start=$SECONDS
  give "$work/small"
  took=$((SECONDS - start))
  [[ "$codes" == "0 0" ]] || problems+=("exit codes $codes")
  [[ "$(stat -c %s "$work/small/disk.img" 2>&1)" == 214748364800 ]] || problems+=("it has another size")
  (($(stat -c %b "$work/small/disk.img" 2>/dev/null || echo 9999999) < 500000)) || problems+=("the holes are filled")
  for at in 0 57 99; do
    cmp -n 1000000 -i $((at * 1900 * 1048576)) "$work/disk.img" "$work/small/disk.img" || problems+=("part $at differs")
  done
  said="took $took s"
  name+=" ($took s)"
  report
fi

# A folder in which nothing can be made is named before the code is used.
if mount_at "$work/readonly" mount -t tmpfs -o ro tmpfs "$work/readonly"; then
  name="read-only" problems=()
  code=0
  "$caiman" receive blue-horse-1000-kitchen --path relay --server "$server" --yes --out "$work/readonly" >"$work/receive.log" 2>&1 || code=$?
  said=$(cat "$work/receive.log")
  ((code == 6)) || problems+=("exit code $code")
  says "Read-only"
  report
fi

# A full disk rests, and goes on when there is room.
if mount_at "$work/full" mount -t tmpfs -o size=9M tmpfs "$work/full"; then
  name="full tmpfs" problems=() number=$((number + 1)) payload=("$tree/large") options=(--ignore-space)
  head -c 7500000 /dev/zero | tr '\0' x >"$work/full/ballast"
  (
    for _ in {1..200}; do
      grep -qi "full" "$work/receive.log" && break
      sleep 0.1
    done
    rm "$work/full/ballast"
  ) &
  give "$work/full"
  [[ "$codes" == "0 0" ]] || problems+=("exit codes $codes")
  cmp "$tree/large" "$work/full/large" || problems+=("it differs")
  options=()
  report
fi

# The largest file of the disk, here of the process: named before anything moves.
truncate -s 30M "$work/big"
head -c 3000000 /dev/urandom | dd of="$work/big" conv=notrunc status=none
mkdir "$work/limited"
name="largest file 20 MB" problems=() number=$((number + 1)) payload=("$work/big" "$tree/run.sh")
give "$work/limited" bash -c 'ulimit -f 20480; exec "$@"' limit
[[ "$codes" == "7 "* ]] || problems+=("exit codes $codes")
says "Left out, because a file can have at most 20.0 MiB there: big"
[[ -e "$work/limited/run.sh" && ! -e "$work/limited/big" ]] || problems+=("something else is there: $(ls "$work/limited")")
report

if ((${#failed[@]})); then
  printf 'FAILED: %s\n' "${failed[@]}"
  exit 1
fi
