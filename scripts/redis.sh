#!/usr/bin/env bash
# Makes sure that a redis-server >= 7 or a valkey-server is on PATH; installs Debian's package when it may.
set -euo pipefail
. "$(dirname "$0")/debian.sh"

# the major version that a server tells, 0 when it tells none
version() { "$1" --version 2>/dev/null | grep -oE 'v=[0-9]+' | cut -c3- | grep . || echo 0; }

present() {
  for server in redis-server valkey-server; do
    if command -v "$server" >/dev/null 2>&1 && [ "$(version "$server")" -ge 7 ]; then return 0; fi
  done
  return 1
}

present && exit 0

if may_install; then
  install_package redis-server
  present && exit 0
fi

echo "kronstream needs redis-server 7 or newer, or valkey-server, on PATH." >&2
echo "Debian and Ubuntu: sudo apt-get install redis-server   macOS: brew install redis" >&2
exit 1
