#!/usr/bin/env bash
# Makes sure that a redis-server >= 7 or a valkey-server is on PATH; installs Debian's package when it may.
set -euo pipefail

# the major version that a server tells, 0 when it tells none
version() { "$1" --version 2>/dev/null | grep -oE 'v=[0-9]+' | cut -c3- | grep . || echo 0; }

present() {
  for server in redis-server valkey-server; do
    if command -v "$server" >/dev/null 2>&1 && [ "$(version "$server")" -ge 7 ]; then return 0; fi
  done
  return 1
}

present && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "installing redis-server"
  # the package would start a server of its own; kronstream starts the ones it needs
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy"
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server >/dev/null
  present && exit 0
fi

echo "kronstream needs redis-server 7 or newer, or valkey-server, on PATH." >&2
echo "Debian and Ubuntu: sudo apt-get install redis-server   macOS: brew install redis" >&2
exit 1
