#!/bin/sh
# Writes the AppStream data, filled, to standard output: metainfo.sh [REPOSITORY]
#
# REPOSITORY is the https address of the forge. Without it the lines that need it are left out: homepage, issues, screenshots.
# The version is that of Cargo.toml, the date that of the version's heading in CHANGELOG.md. A version without a heading is not
# released yet and gets the day of SOURCE_DATE_EPOCH, or today.
set -eu
cd "$(dirname "$0")/.."
repository=${1:-}
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
date=$(sed -n "s/^## \[$version\] - \([0-9-]*\)\$/\1/p" CHANGELOG.md)
: "${date:=$(date -u -d "@${SOURCE_DATE_EPOCH:-$(date +%s)}" +%F)}"
if [ -n "$repository" ]; then
  address="s|@REPOSITORY@|$repository|g"
else
  address='/@REPOSITORY@/d'
fi
# The comment at the top is about the template.
sed -e '/^<!-- A template/d' -e "$address" -e "s|@VERSION@|$version|g" -e "s|@DATE@|$date|g" packaging/alt.caiman.Caiman.metainfo.xml
