#!/usr/bin/env bash
# Checks what desktops and software centres read, as strictly as the validators can: desktop-file-validate of desktop-file-utils,
# and appstreamcli of appstream; and then what lays all of it out (tests/install.sh).
#
# AppStream's form without an address is for builds that have none, so there url-homepage-missing is not taken as a fault. Versions
# before 1.0 don't know that hint, nor the element `developer` (unknown-tag), which 1.0 asks for.
set -euo pipefail
cd "$(dirname "$0")"

desktop-file-validate arpa.home.Caiman.desktop file-managers/caiman-thunar.desktop
echo "desktop files: ok"

with_address=() without_address=(--override=url-homepage-missing=pedantic)
if [[ "$(appstreamcli --version)" == *" 0."* ]]; then
  with_address=(--override=unknown-tag=pedantic) without_address=("${with_address[@]}")
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
filled=$folder/arpa.home.Caiman.metainfo.xml
CAIMAN_REPOSITORY=https://example.org/caiman ./fill.sh arpa.home.Caiman.metainfo.xml "$filled"
appstreamcli validate --strict --no-net "${with_address[@]}" "$filled"
CAIMAN_REPOSITORY='' ./fill.sh arpa.home.Caiman.metainfo.xml "$filled"
appstreamcli validate --strict --no-net "${without_address[@]}" "$filled"

../tests/install.sh
