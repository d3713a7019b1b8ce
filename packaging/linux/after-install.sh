#!/bin/sh
# After installing or upgrading a package of any kind: a relay that runs goes on with the new program. Running transfers may finish first.
set -e
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload || true
  systemctl --no-block try-restart caiman-relay.service || true
fi
