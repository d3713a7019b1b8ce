#!/usr/bin/env bash
# Checks what desktops and software centres read, as strictly as the validators can: desktop-file-validate of desktop-file-utils,
# and appstreamcli of appstream. Two hints of appstreamcli are not taken as faults:
# - cid-maybe-not-rdns: it doesn't know the top-level name `alt`, which is set aside for names outside DNS (RFC 9476).
# - url-homepage-missing: the form without an address is for builds that have none.
# Versions before 1.0 don't know the element `developer` (unknown-tag), which 1.0 asks for, nor the second hint.
set -euo pipefail
cd "$(dirname "$0")"

desktop-file-validate alt.caiman.Caiman.desktop file-managers/caiman-thunar.desktop
echo "desktop files: ok"

hints=cid-maybe-not-rdns=pedantic
without_address=$hints,url-homepage-missing=pedantic
if [[ "$(appstreamcli --version)" == *" 0."* ]]; then
  hints+=,unknown-tag=pedantic
  without_address=$hints
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
filled=$folder/alt.caiman.Caiman.metainfo.xml
CAIMAN_REPOSITORY=https://example.org/caiman ./fill.sh alt.caiman.Caiman.metainfo.xml "$filled"
appstreamcli validate --strict --no-net --override="$hints" "$filled"
CAIMAN_REPOSITORY='' ./fill.sh alt.caiman.Caiman.metainfo.xml "$filled"
appstreamcli validate --strict --no-net --override="$without_address" "$filled"
