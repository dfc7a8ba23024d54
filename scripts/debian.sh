#!/usr/bin/env bash
# To be sourced: Debian's packages of servers, without the server that a package would start by itself.

# runs a command as root: as this user, or by a sudo that asks nothing
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

# whether this user may install packages here
may_install() { command -v apt-get >/dev/null 2>&1 && as_root true >/dev/null 2>&1; }

# install_package NAME
install_package() {
  echo "installing $1"
  # the package would start a server of its own; whoever needs one starts it
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap 'as_root rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null && as_root chmod +x "$policy"
  fi
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1" >/dev/null
}
