#!/bin/sh
# Makes dist/caiman-VERSION-macos-universal.zip and .dmg, each with Caiman.app, on macOS: packaging/macos/bundle.sh
#
# Needs rustup's targets aarch64-apple-darwin and x86_64-apple-darwin. The signature is ad hoc, without which Apple's processors start
# no program; Gatekeeper still asks the user, since that takes a paid certificate and Apple's notarisation.
set -eu
cd "$(dirname "$0")/../.."
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
name=caiman-$version-macos-universal

for target in aarch64-apple-darwin x86_64-apple-darwin; do
  cargo build --locked --profile dist --bin caiman --target "$target"
done

# What the disk image shows: the program, and a link to where it goes.
image=target/macos
rm -rf "$image"
contents=$image/Caiman.app/Contents
mkdir -p "$contents/MacOS" "$contents/Resources/licences"
lipo -create -output "$contents/MacOS/caiman" target/aarch64-apple-darwin/dist/caiman target/x86_64-apple-darwin/dist/caiman
cp packaging/macos/Info.plist "$contents/"
plutil -replace CFBundleShortVersionString -string "$version" "$contents/Info.plist"
plutil -replace CFBundleVersion -string "$version" "$contents/Info.plist"
cp assets/icon/caiman.icns "$contents/Resources/"
cp LICENSE-MIT LICENSE-APACHE assets/third-party.txt "$contents/Resources/licences/"
# Whatever the umask of the checkout was.
chmod -R u=rwX,go=rX "$image/Caiman.app"
codesign --force --sign - "$image/Caiman.app"
codesign --verify --strict "$image/Caiman.app"
"$contents/MacOS/caiman" --version

mkdir -p dist
ditto -c -k --keepParent "$image/Caiman.app" "dist/$name.zip"
ln -s /Applications "$image/Applications"
hdiutil create -ov -volname Caiman -srcfolder "$image" -format UDZO "dist/$name.dmg"
