#!/bin/sh
# Puts what belongs beside the program on Linux under a prefix: integrate.sh PROGRAM PREFIX [REPOSITORY]
#
# For builds from source: Flatpak, Nix, the Arch package. PROGRAM is run, for its completions. REPOSITORY is for metainfo.sh.
set -eu
program=$1
share=$2/share
repository=${3:-}
cd "$(dirname "$0")/.."
id=alt.caiman.Caiman

put() {
  install -D -m 644 "$1" "$share/$2"
}

put packaging/$id.desktop applications/$id.desktop
for size in 16 24 32 48 64 128 256 512; do
  put assets/icon/caiman-$size.png icons/hicolor/${size}x$size/apps/$id.png
done
put assets/icon/caiman.svg icons/hicolor/scalable/apps/$id.svg
put assets/icon/caiman-symbolic.svg icons/hicolor/symbolic/apps/$id-symbolic.svg
mkdir -p "$share/metainfo"
packaging/metainfo.sh "$repository" >"$share/metainfo/$id.metainfo.xml"

put packaging/file-managers/caiman-kde.desktop kio/servicemenus/caiman.desktop
put packaging/file-managers/caiman-thunar.desktop Thunar/sendto/caiman.desktop
put packaging/file-managers/caiman.nemo_action nemo/actions/caiman.nemo_action
put packaging/file-managers/caiman_nautilus.py nautilus-python/extensions/caiman_nautilus.py

mkdir -p "$share/bash-completion/completions" "$share/zsh/site-functions" "$share/fish/vendor_completions.d"
"$program" completions bash >"$share/bash-completion/completions/caiman"
"$program" completions zsh >"$share/zsh/site-functions/_caiman"
"$program" completions fish >"$share/fish/vendor_completions.d/caiman.fish"

for file in LICENSE-MIT LICENSE-APACHE; do
  put $file licenses/caiman/$file
done
put assets/README.md licenses/caiman/assets.md
for file in assets/fonts/*-OFL.txt; do
  put "$file" "licenses/caiman/${file##*/}"
done
put README.md doc/caiman/README.md
