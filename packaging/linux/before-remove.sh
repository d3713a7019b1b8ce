#!/bin/sh
# Before a package of any kind is removed, and not only upgraded: the relay ends. dpkg says "remove", rpm 0, pacman the version alone.
set -e
case "${1:-}" in
upgrade | failed-upgrade | deconfigure | [1-9]) exit 0 ;;
esac
if [ -d /run/systemd/system ]; then
  systemctl disable --now caiman-relay.service || true
elif command -v systemctl >/dev/null; then
  # In the tree of another system, such as an image that is being made, nothing runs.
  systemctl disable caiman-relay.service || true
fi
