#!/usr/bin/env bash
# Makes sure that prometheus and promtool >= 2.40 are on PATH; installs Debian's package when it may.
set -euo pipefail

# the version as one number, 240 for 2.40.x, 0 when it tells none
version() { "$1" --version 2>&1 | sed -nE 's/.*version ([0-9]+)\.([0-9]+).*/\1 \2/p;T;q' | awk '{print $1 * 100 + $2}' | grep . || echo 0; }

present() {
  for program in prometheus promtool; do
    command -v "$program" >/dev/null 2>&1 && [ "$(version "$program")" -ge 240 ] || return 1
  done
}

present && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "installing prometheus"
  # the package would start a server of its own; the tests start the ones they need
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy"
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends prometheus >/dev/null
  present && exit 0
fi

echo "kronstream's tests need prometheus and promtool 2.40 or newer on PATH." >&2
echo "Debian and Ubuntu: sudo apt-get install prometheus   macOS: brew install prometheus" >&2
exit 1
