#!/usr/bin/env bash
# Tries what lays Caiman out on Linux, with a stand-in for the program: packaging/linux/tree.sh, and the archive's install.sh in all
# kinds of places. Needs nothing but coreutils, and no root; desktop-file-validate and systemd-analyze are used where they are.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'chmod -R u+rwX "$work"; rm -rf "$work"' EXIT
export HOME=$work/home SOURCE_DATE_EPOCH=1790000000
unset DESTDIR CDPATH
mkdir "$HOME"

fail() {
  printf 'FAILED: %s\n' "$*" >&2
  exit 1
}

# listed FOLDER: all that is in there, with modes.
listed() { (cd "$1" && find . -printf '%P %m %y %l\n' | sort); }

# unchanged FOLDER LIST WHAT
unchanged() {
  diff <(echo "$2") <(listed "$1") || fail "$3"
}

cat >"$work/caiman" <<'END'
#!/bin/sh
case $1 in
man) echo '.TH caiman 1' >"$3/caiman.1"; echo '.TH caiman-send 1' >"$3/caiman-send.1" ;;
completions) echo "# $2" ;;
*) echo "the stand-in: $*" ;;
esac
END
chmod 755 "$work/caiman"

# A folder that is in use already: tree.sh adds to it, twice, and leaves alone what is not Caiman's.
mkdir -p "$work/local/share/man/man1" "$work/local/share/keyrings"
echo secret >"$work/local/share/keyrings/login.keyring"
echo other >"$work/local/share/man/man1/other.1"
chmod 700 "$work/local" "$work/local/share" "$work/local/share/keyrings"
chmod 600 "$work/local/share/keyrings/login.keyring"
before=$(listed "$work/local")
for _ in 1 2; do
  (umask 077 && packaging/linux/tree.sh "$work/caiman" "$work/local")
done
[[ "$(listed "$work/local" | grep -xFf <(echo "$before"))" == "$before" ]] || fail "tree.sh changes what isn't Caiman's"
echo "tree.sh: what is in the folder already stays as it is"

# The source as an archive has it: without git, and without a time.
mkdir "$work/source"
git ls-files -z packaging assets docs Cargo.toml ./*.md LICENSE-MIT LICENSE-APACHE | xargs -0 cp --parents -t "$work/source"
env -u SOURCE_DATE_EPOCH "$work/source/packaging/linux/tree.sh" "$work/caiman" "$work/from-source"
diff <(cd "$work/local" && find . -type f ! -name login.keyring ! -name other.1 | sort) <(cd "$work/from-source" && find . -type f | sort) ||
  fail "what the source's archive lays out"
! CAIMAN_REPOSITORY='https://forge.example/caiman/' packaging/linux/tree.sh "$work/caiman" "$work/odd" 2>"$work/log" ||
  fail "an address with a slash at its end is no error"
echo "tree.sh: from the source alone, and with an odd address: ok"

for name in caiman caiman-relay; do
  (umask 077 && packaging/linux/tree.sh "$work/caiman" "$work/archives/$name/usr" "$name")
  cp packaging/linux/install.sh "$work/archives/$name/"
  odd=$(find "$work/archives/$name/usr" \( -type d ! -perm 755 \) -o \( -type f ! -perm 644 ! -path '*/bin/caiman' \))
  [[ -z $odd ]] || fail "modes of $odd"
done
archive=$work/archives/caiman
files=$(cd "$archive/usr" && find . -type f | sort)

# works PREFIX ARGUMENT…: install.sh with these arguments installs below PREFIX, again over itself, and removes itself without rest.
works() {
  local prefix=$1 before run
  shift
  # What every system has, empty.
  mkdir -p "$prefix"/{bin,lib,share/man} "$prefix/share/applications"
  printf '[Desktop Entry]\nType=Application\nName=Other\nExec=other\n' >"$prefix/share/applications/other.desktop"
  before=$(listed "$prefix")
  for run in 1 2; do
    (umask 077 && "$archive/install.sh" "$@") >"$work/log" || fail "install.sh $*, $run"
  done
  [[ "$(cd "$prefix" && find . -type f ! -name other.desktop ! -name '*.cache' | sort)" == "$files" ]] || fail "the files of $*"
  "$prefix/bin/caiman" hello >/dev/null
  # KDE takes a menu of a user's own only if it is executable.
  [[ "$(cd "$prefix" && stat -c %a bin/caiman share/applications/arpa.home.Caiman.desktop share/man/man1/caiman.1.gz share/kio \
    share/kio/servicemenus/caiman.desktop | xargs)" == "755 644 644 755 755" ]] || fail "modes below $prefix"
  grep -qxF "Exec=\"$prefix/bin/caiman\" %U" "$prefix/share/applications/arpa.home.Caiman.desktop" || fail "Exec below $prefix"
  grep -qxF "TryExec=$prefix/bin/caiman" "$prefix/share/applications/arpa.home.Caiman.desktop" || fail "TryExec below $prefix"
  grep -qxF "Dependencies=$prefix/bin/caiman;" "$prefix/share/nemo/actions/caiman.nemo_action" || fail "Nemo below $prefix"
  grep -qF "Popen([\"$prefix/bin/caiman\", " "$prefix/share/nautilus-python/extensions/caiman_nautilus.py" || fail "Files below $prefix"
  grep -qxF "ExecStart=\"$prefix/bin/caiman\" relay" "$prefix/lib/systemd/system/caiman-relay.service" || fail "unit below $prefix"
  if command -v desktop-file-validate >/dev/null; then
    desktop-file-validate "$prefix/share/applications/arpa.home.Caiman.desktop"
  fi
  "$archive/install.sh" --remove "$@" >"$work/log" || fail "install.sh --remove $*"
  rm -f "$prefix/share/applications/mimeinfo.cache"
  unchanged "$prefix" "$before" "install.sh --remove $* leaves or takes something"
  echo "install.sh ${*:-without a word}: ok"
}

cd "$work"
works "$HOME/.local"
works "$work/plain" "$work/plain"
works "$work/with two spaces" "$work/with two spaces"
works "$work/Grüße/örtlich" "$work/Grüße/örtlich"
mkdir elsewhere
cd elsewhere
works "$work/elsewhere/relative" relative
ln -s "$archive/install.sh" called
"$work/elsewhere/called" "$work/plain" >"$work/log" || fail "through a link"
"$work/elsewhere/called" --remove "$work/plain" >"$work/log" || fail "through a link, removing"

# An archive that one user has unpacked for nobody else is installed for everybody.
cp -a "$archive" "$work/private"
chmod -R go= "$work/private"
"$work/private/install.sh" "$work/everybody" >"$work/log"
odd=$(find "$work/everybody" ! -perm -go=r ! -type l)
[[ -z $odd ]] || fail "only their owner can read $odd"
# What an interrupted installation has left goes as well.
touch "$work/everybody/bin/caiman.new"
"$archive/install.sh" --remove "$work/everybody" >"$work/log"
[[ -z "$(find "$work/everybody" -type f)" ]] || fail "something stays of an interrupted installation"
mkdir -p "$work/everybody/bin/caiman"
! "$archive/install.sh" "$work/everybody" >"$work/log" 2>&1 || fail "a folder in the place of the program is no error"
echo "install.sh: for everybody, interrupted, and with a folder in the way: ok"

# A home without anything is empty again but for the folders of everybody.
rm -rf "$HOME/.local"
"$archive/install.sh" >"$work/log"
"$archive/install.sh" --remove >"$work/log"
[[ -z "$(find "$HOME" -type f)" ]] || fail "files stay: $(find "$HOME" -type f)"
[[ "$(cd "$HOME" && find . -type d | sort | xargs)" == ". ./.local ./.local/bin ./.local/lib ./.local/share ./.local/share/man" ]] ||
  fail "folders stay: $(find "$HOME" -type d)"

# For a package: below DESTDIR, with the paths as they will be.
DESTDIR=$work/package "$archive/install.sh" /usr/local >"$work/log"
[[ "$(cd "$work/package/usr/local" && find . -type f | sort)" == "$files" ]] || fail "DESTDIR"
grep -qxF 'Exec="/usr/local/bin/caiman" %U' "$work/package/usr/local/share/applications/arpa.home.Caiman.desktop" || fail "paths with DESTDIR"
if command -v systemd-analyze >/dev/null; then
  sed "s|/usr/local|$work/package/usr/local|" "$work/package/usr/local/lib/systemd/system/caiman-relay.service" >"$work/caiman-relay.service"
  faults=$(systemd-analyze verify "$work/caiman-relay.service" 2>&1 | grep caiman) || true
  [[ -z $faults ]] || fail "unit: $faults"
fi

# What can't be installed is refused before anything is.
before=$(listed "$work/elsewhere")
# shellcheck disable=SC2016 # These are names.
for bad in '/tmp/a"b' '/tmp/a$HOME' '/tmp/a`id`' '/tmp/a%U' '/tmp/a|b' '/tmp/a&b' '/tmp/a\b' '/tmp/a;b' $'/tmp/a\nb' --what; do
  ! "$archive/install.sh" "$bad" >"$work/log" 2>&1 || fail "install.sh $bad is no error"
done
! "$archive/install.sh" "$work/plain" --remove >"$work/log" 2>&1 || fail "--remove in the second place is no error"
"$archive/install.sh" --help | grep -q -- '--remove' || fail "--help"
unchanged "$work/elsewhere" "$before" "something was installed for all that"

# The one without a window is as simple.
"$work/archives/caiman-relay/install.sh" "$work/relay" >"$work/log"
"$work/archives/caiman-relay/install.sh" --remove "$work/relay" >"$work/log"
[[ -z "$(find "$work/relay" -type f)" ]] || fail "caiman-relay stays"
echo "install.sh: DESTDIR, bad places and the one without a window: ok"
