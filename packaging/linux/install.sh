#!/bin/sh
# Installs Caiman from this folder, for you alone or for everybody:
#
#   ./install.sh                       below ~/.local
#   sudo ./install.sh /usr/local       for everybody
#   ./install.sh --remove [PREFIX]     takes all of it away again
#
# With DESTDIR in the environment everything goes below that folder, where a package is made of it.
set -eu
# Also where this is called through a link.
here=$(dirname "$(readlink -f "$0")")
usage() {
  sed -n '2,8s/^# \{0,1\}//p' "$here/install.sh"
  exit "$1"
}
remove=
if [ "${1:-}" = --remove ]; then
  remove=yes
  shift
fi
[ $# -le 1 ] || usage 2
case ${1:-} in
-h | --help) usage 0 ;;
-*) usage 2 ;;
'') prefix=$HOME/.local ;;
/*) prefix=$1 ;;
*) prefix=$PWD/$1 ;;
esac
# The menu's files name the program by its path, and would need these written in another way each.
case $prefix in
*[!A-Za-z0-9/._+,@~\ -]*)
  plain=$(printf '%s' "$prefix" | LC_ALL=C tr -d '\200-\377')
  case $plain in
  *[!A-Za-z0-9/._+,@~\ -]*)
    echo "Can't install below $prefix: choose a path of letters, digits, spaces and / . _ + , @ ~ -" >&2
    exit 2
    ;;
  esac
  ;;
esac
program=$prefix/bin/caiman
root=${DESTDIR:-}$prefix
# What everybody shall use, everybody has to be able to read, whatever the umask of whoever installs it.
umask 022

# named FILE: the file, with the path of the program in place of its name. Menus, file managers and systemd don't look for programs
# everywhere.
named() {
  sed -e "s|^Exec=caiman|Exec=\"$program\"|; s|^TryExec=caiman\$|TryExec=$program|; s|=/usr/bin/caiman|=\"$program\"|" \
    -e "s|^Dependencies=caiman;|Dependencies=$program;|; s|\\[\"caiman\"|[\"$program\"|" "$1"
}

# Folders are made on the way. Of those, the ones that others count on stay when all is removed, empty or not.
removed() {
  rm -f "$root/$1" "$root/$1.new"
  folder=$(dirname "$1")
  while :; do
    case $folder in
    . | bin | lib | share | share/man) break ;;
    esac
    rmdir "$root/$folder" 2>/dev/null || break
    folder=$(dirname "$folder")
  done
}

installed() {
  if [ -d "$root/$1" ]; then
    echo "$root/$1 is a folder: remove or rename it first" >&2
    exit 1
  fi
  mkdir -p "$(dirname "$root/$1")"
  # A program that runs can't be written to, but it can be replaced.
  rm -f "$root/$1.new"
  case $1 in
  *.desktop | *.service | *.nemo_action | *.py) named "$here/usr/$1" >"$root/$1.new" ;;
  *) cp -P "$here/usr/$1" "$root/$1.new" ;;
  esac
  # The archive may have been unpacked for one user alone. KDE takes a menu of a user's own only if it is executable.
  case $1 in
  share/kio/servicemenus/*) chmod 755 "$root/$1.new" ;;
  *) [ -L "$root/$1.new" ] || chmod u=rwX,go=rX "$root/$1.new" ;;
  esac
  mv -f "$root/$1.new" "$root/$1"
}

# refresh FOLDER COMMAND…: has a desktop read what has changed below a folder.
refresh() {
  folder=$1
  shift
  if [ -z "${DESTDIR:-}" ] && [ -d "$folder" ] && command -v "$1" >/dev/null 2>&1; then
    "$@" "$folder" || true
  fi
}

# A relay that was started from here ends with it.
unit=lib/systemd/system/caiman-relay.service
if [ -n "$remove" ] && [ -z "${DESTDIR:-}" ] && [ -d /run/systemd/system ] &&
  [ "$(systemctl show -P FragmentPath caiman-relay.service 2>/dev/null)" = "$prefix/$unit" ]; then
  systemctl disable --now caiman-relay.service || true
fi
# Files and links.
files=$(cd "$here/usr" && find . -type f -o -type l)
echo "$files" | sed 's|^\./||' | while IFS= read -r file; do
  if [ -n "$remove" ]; then
    removed "$file"
  else
    installed "$file"
  fi
done
refresh "$prefix/share/applications" update-desktop-database
refresh "$prefix/share/icons/hicolor" gtk-update-icon-cache -qtf
if [ -n "$remove" ]; then
  # What the two have written, where there is nothing else to write about.
  for cache in share/applications/mimeinfo.cache share/icons/hicolor/icon-theme.cache; do
    case $(ls -A "$root/$(dirname "$cache")" 2>/dev/null) in
    '' | "$(basename "$cache")") removed "$cache" ;;
    esac
  done
  echo "Removed from $prefix. Your settings and what you received stay."
  exit 0
fi
echo "Installed below $prefix."
case ":$PATH:" in
*":$prefix/bin:"*) ;;
*) echo "$prefix/bin is not in your PATH: start $program, or add it there." ;;
esac
