#!/usr/bin/env bash
# Fills a template: packaging/fill.sh TEMPLATE FILE
#
# @VERSION@ is Cargo.toml's, @DATE@ the day of the last commit (or of SOURCE_DATE_EPOCH), @REPOSITORY@ the address of the project on its
# forge (CAIMAN_REPOSITORY), @SHA256:NAME@ the checksum of a file of dist/. Where there is no address, lines that need it are left out.
set -euo pipefail
unset CDPATH
template=$(realpath "$1") to=$(realpath -m "$2")
cd "$(dirname "$0")/.."
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -1)
date=$(date -u -d "@${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}" +%F)
mkdir -p "$(dirname "$to")"
text=$(<"$template")
# It goes into files of many kinds.
[[ ${CAIMAN_REPOSITORY:-} =~ ^(https?://[A-Za-z0-9._~:/-]*[A-Za-z0-9_~-])?$ ]] || {
  echo "CAIMAN_REPOSITORY is an address such as https://forge.example/caiman, without a slash at its end." >&2
  exit 1
}
if [[ -z ${CAIMAN_REPOSITORY:-} ]]; then
  text=$(grep -v '@REPOSITORY@' <<<"$text" || true)
fi
text=${text//@REPOSITORY@/"${CAIMAN_REPOSITORY:-}"}
text=${text//@VERSION@/"$version"}
text=${text//@DATE@/"$date"}
while [[ $text =~ @SHA256:([^@]+)@ ]]; do
  file=dist/${BASH_REMATCH[1]}
  [[ -e $file ]] || { echo "$template needs $file, which is not there" >&2; exit 1; }
  sum=$(sha256sum <"$file")
  text=${text//"${BASH_REMATCH[0]}"/${sum%% *}}
done
[[ ! $text =~ @[A-Z][A-Z0-9_]*[@:] ]] || { echo "$template: nothing fills ${BASH_REMATCH[0]}" >&2; exit 1; }
printf '%s\n' "$text" >"$to"
