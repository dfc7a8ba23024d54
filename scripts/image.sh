#!/usr/bin/env bash
# Builds the image with docker, buildah or podman, whichever is there and works; settings come as variables:
#   IMAGE     its name and tag                      BASE     what it is built on, instead of the pinned one
#   PLATFORM  linux/arm64, say                      ARCHIVE  also write it to this file (docker-archive)
#   BUILDER   docker, buildah or podman             PIP_INDEX_URL  another index of packages
#   PUSH      not empty: push it to the registry that its name begins with
#   CONTEXT   a folder with another Dockerfile, with BASE=kronstream:… for one that is built on ours
set -euo pipefail
cd "$(dirname "$0")/.."

works() { command -v "$1" >/dev/null 2>&1 && { [ "$1" = buildah ] || "$1" info >/dev/null 2>&1; }; }

if [ -z "${BUILDER:-}" ]; then
  for candidate in docker buildah podman; do
    if works "$candidate"; then BUILDER=$candidate && break; fi
  done
fi
if [ -z "${BUILDER:-}" ]; then
  echo "building the image needs docker with a running daemon, buildah or podman" >&2
  echo "Debian and Ubuntu: sudo apt-get install buildah" >&2
  exit 1
fi

arguments=(--file "${CONTEXT:=.}/Dockerfile" --tag "$IMAGE")
if [ -n "${BASE:-}" ]; then arguments+=(--build-arg "BASE=$BASE"); fi
if [ -n "${PIP_INDEX_URL:-}" ]; then arguments+=(--build-arg "PIP_INDEX_URL=$PIP_INDEX_URL"); fi
if [ -n "${PLATFORM:-}" ]; then arguments+=(--platform "$PLATFORM"); fi
# buildah's cache of layers is off unless asked for
if [ "$BUILDER" = buildah ]; then arguments+=(--layers); fi

"$BUILDER" build "${arguments[@]}" "$CONTEXT"
if [ -n "${ARCHIVE:-}" ]; then
  rm -f "$ARCHIVE" # an archive that is there is not written over
  if [ "$BUILDER" = buildah ]; then
    buildah push --quiet "$IMAGE" "docker-archive:$ARCHIVE:$IMAGE"
  else
    "$BUILDER" save --output "$ARCHIVE" "$IMAGE"
  fi
  echo "$IMAGE is in $ARCHIVE"
fi
if [ -n "${PUSH:-}" ]; then "$BUILDER" push "$IMAGE"; fi
