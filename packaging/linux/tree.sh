#!/usr/bin/env bash
# Lays out a program and all that belongs with it, as it stands below /usr:
#
#   packaging/linux/tree.sh PROGRAM FOLDER [caiman|caiman-relay]
#
# `caiman` (the default) is the program with its window; `caiman-relay` is the one without, for servers. Packages of every kind are made
# from what this lays out. CAIMAN_HOST_PROGRAM names a program that runs on this machine, if PROGRAM is for another one: it prints the
# manual pages and the completions. SOURCE_DATE_EPOCH is the time of all files, if it is set.
set -euo pipefail
unset CDPATH
program=$(realpath "$1") to=$(realpath -m "$2") name=${3:-caiman}
runs=$(realpath "${CAIMAN_HOST_PROGRAM:-$program}")
cd "$(dirname "$0")/../.."
id=arpa.home.Caiman
umask 022
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# put SOURCE TARGET [MODE]: the only way into the folder, which may be ~/.local, so that nothing else in it is touched.
put() {
  install -D -m "${3:-644}" "$1" "$to/$2"
  [[ -z ${SOURCE_DATE_EPOCH:-} ]] || touch -d "@$SOURCE_DATE_EPOCH" "$to/$2"
}

put "$program" bin/caiman 755
put packaging/caiman-relay.service lib/systemd/system/caiman-relay.service
if [[ $name == caiman ]]; then
  put "packaging/$id.desktop" "share/applications/$id.desktop"
  packaging/fill.sh "packaging/$id.metainfo.xml" "$scratch/metainfo.xml"
  put "$scratch/metainfo.xml" "share/metainfo/$id.metainfo.xml"
  put packaging/file-managers/caiman-kde.desktop share/kio/servicemenus/caiman.desktop
  put packaging/file-managers/caiman-thunar.desktop share/Thunar/sendto/caiman.desktop
  put packaging/file-managers/caiman.nemo_action share/nemo/actions/caiman.nemo_action
  put packaging/file-managers/caiman_nautilus.py share/nautilus-python/extensions/caiman_nautilus.py
  for size in 16 24 32 48 64 128 256 512; do
    put "assets/icon/caiman-$size.png" "share/icons/hicolor/${size}x$size/apps/$id.png"
  done
  put assets/icon/caiman.svg "share/icons/hicolor/scalable/apps/$id.svg"
  put assets/icon/caiman-symbolic.svg "share/icons/hicolor/symbolic/apps/$id-symbolic.svg"
fi

"$runs" man --out "$scratch" --date "$(date -u -d "@${SOURCE_DATE_EPOCH:-$(date +%s)}" +%F)"
for page in "$scratch"/*.1; do
  gzip -9nc "$page" >"$scratch/page.gz"
  put "$scratch/page.gz" "share/man/man1/$(basename "$page").gz"
done
# completions SHELL TARGET
completions() {
  "$runs" completions "$1" >"$scratch/completions"
  put "$scratch/completions" "$2"
}
completions bash share/bash-completion/completions/caiman
completions zsh share/zsh/site-functions/_caiman
completions fish share/fish/vendor_completions.d/caiman.fish

doc=share/doc/$name
for file in README.md SECURITY.md docs/command-line.md assets/third-party.txt packaging/linux/copyright; do
  put "$file" "$doc/$(basename "$file")"
done
gzip -9nc CHANGELOG.md >"$scratch/NEWS.gz"
put "$scratch/NEWS.gz" "$doc/NEWS.gz"
# For the program iroh-relay, which has packages of its own.
put packaging/iroh-relay.toml "$doc/examples/iroh-relay.toml"
put packaging/iroh-relay.service "$doc/examples/iroh-relay.service"
