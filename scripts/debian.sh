#!/usr/bin/env bash
# To be sourced: Debian's packages of servers, without the server that a package would start by itself.

# whether this user may install packages here
may_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; }

# install_package NAME
install_package() {
  echo "installing $1"
  # the package would start a server of its own; whoever needs one starts it
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy"
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1" >/dev/null
}
