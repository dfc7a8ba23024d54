#!/usr/bin/env bash
# Makes sure that prometheus and promtool >= 2.40 are on PATH; installs Debian's package when it may.
set -euo pipefail
. "$(dirname "$0")/debian.sh"

# the version as one number, 240 for 2.40.x, 0 when it tells none
version() { "$1" --version 2>&1 | sed -nE 's/.*version ([0-9]+)\.([0-9]+).*/\1 \2/p;T;q' | awk '{print $1 * 100 + $2}' | grep . || echo 0; }

present() {
  for program in prometheus promtool; do
    command -v "$program" >/dev/null 2>&1 && [ "$(version "$program")" -ge 240 ] || return 1
  done
}

present && exit 0

if may_install; then
  install_package prometheus
  present && exit 0
fi

echo "kronstream's tests need prometheus and promtool 2.40 or newer on PATH." >&2
echo "Debian and Ubuntu: sudo apt-get install prometheus   macOS: brew install prometheus" >&2
exit 1
