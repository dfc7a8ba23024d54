# Every part of kronstream: operator, router, worker, api, runs-apiserver. docs/images.md says how to add handlers.
#
# BASE is built on and run on: Python 3.11 or newer with venv and CA certificates, on glibc; nothing else of it is used,
# no shell at run time either. A digest of an index, so that both architectures come from it.
ARG BASE=docker.io/library/python:3.13.15-slim-trixie@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b

FROM ${BASE} AS build
# another index of packages; only this stage knows of it
ARG PIP_INDEX_URL=
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src

# what changes seldom comes first: a change of the code builds one layer
COPY requirements.lock requirements-build.lock ./
RUN python3 -m venv /opt/kronstream \
 && /opt/kronstream/bin/python -m pip install --quiet --no-compile --only-binary :all: --require-hashes --no-deps -r requirements.lock \
 && python3 -m venv /opt/build \
 && /opt/build/bin/python -m pip install --quiet --only-binary :all: --require-hashes --no-deps -r requirements-build.lock \
# compiled for good, since nobody can write at run time; but for the blocking client of Kubernetes, 30 MB that only
# handlers may want
 && /opt/kronstream/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash \
      -x '/kubernetes/client/|/pip/' /opt/kronstream/lib

COPY pyproject.toml README.md LICENSE ./
COPY operator operator
COPY crds crds
COPY deploy deploy
COPY examples examples
RUN /opt/build/bin/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /opt/kronstream/bin/python -m pip install --quiet --no-compile --no-deps /wheels/kronstream-*.whl \
 && /opt/kronstream/bin/python -m compileall -q --invalidation-mode unchecked-hash \
      /opt/kronstream/lib/python3.*/site-packages/kronstream

FROM ${BASE}
COPY --from=build /opt/kronstream /opt/kronstream
# HOME is where libraries of handlers keep caches, USER what they find instead of an entry in /etc/passwd
ENV PATH=/opt/kronstream/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp USER=kronstream
WORKDIR /
# by number: the kubelet can tell that it is not root
USER 65532:65532
ENTRYPOINT ["kronstream"]
