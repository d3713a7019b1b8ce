#!/bin/sh
# Installs Caiman from this folder, for you alone or for everybody:
#
#   ./install.sh                       below ~/.local
#   sudo ./install.sh /usr/local       for everybody
#   ./install.sh --remove [PREFIX]     takes all of it away again
set -eu
cd "$(dirname "$0")"
remove=
if [ "${1:-}" = --remove ]; then
  remove=yes
  shift
fi
case "${1:-}" in
-*)
  sed -n '2,6s/^# \{0,1\}//p' "$0"
  exit 2
  ;;
esac
prefix=${1:-$HOME/.local}
# Files and links; folders are made on the way, and removed once they are empty.
files=$(cd usr && find . -type f -o -type l | sed 's|^\./||')
echo "$files" | while IFS= read -r file; do
  if [ -n "$remove" ]; then
    rm -f "$prefix/$file"
    rmdir -p --ignore-fail-on-non-empty "$(dirname "$prefix/$file")" 2>/dev/null || true
  else
    mkdir -p "$(dirname "$prefix/$file")"
    # A program that runs can't be written to, but it can be replaced.
    case $file in
    *.desktop | *.service)
      # The menu and systemd don't look for programs everywhere.
      sed "s|^\(Try\)\{0,1\}Exec=caiman|\1Exec=$prefix/bin/caiman|; s|=/usr/bin/caiman|=$prefix/bin/caiman|" "usr/$file" >"$prefix/$file.new"
      ;;
    *) cp -P "usr/$file" "$prefix/$file.new" ;;
    esac
    mv -f "$prefix/$file.new" "$prefix/$file"
  fi
done
for tool in "update-desktop-database $prefix/share/applications" "gtk-update-icon-cache -qtf $prefix/share/icons/hicolor"; do
  if command -v "${tool%% *}" >/dev/null 2>&1 && [ -d "${tool##* }" ]; then
    $tool || true
  fi
done
if [ -n "$remove" ]; then
  echo "Removed from $prefix. Your settings and what you received stay."
  exit 0
fi
echo "Installed below $prefix."
case ":$PATH:" in
*":$prefix/bin:"*) ;;
*) echo "$prefix/bin is not in your PATH: start $prefix/bin/caiman, or add it there." ;;
esac
