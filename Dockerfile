# The service in images. `runtime`, the default target, holds the programs and what they need to run, and nothing else;
# `dev` is what docker-compose.yml runs: toolchain, tests, and a watcher that rebuilds and reloads. See docs/containers.md.
#
# Each base image can be pinned: --build-arg DEBIAN_IMAGE=debian:trixie-slim@sha256:… (Debian 13 or newer: older ones have no
# libllhttp). No syntax line and no RUN --mount, so that the legacy builder and BuildKit both build this.
ARG DEBIAN_RELEASE=trixie
ARG DEBIAN_IMAGE=debian:${DEBIAN_RELEASE}-slim

# ---- toolchain: what a build needs. Depends on nothing of the source tree, so that no edit rebuilds it.
FROM ${DEBIAN_IMAGE} AS toolchain
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        autoconf automake ca-certificates gcc libc6-dev libcunit1-dev libevent-dev libjson-c-dev libllhttp-dev libpq-dev \
        libssl-dev make pkgconf zlib1g-dev \
    && rm -rf /var/lib/apt/lists/* /var/cache/debconf/*-old /var/log/* \
    && dpkg-query -W >/etc/stratslab-toolchain

# ---- dev-tools: what the tests and the watcher need besides.
FROM toolchain AS dev-tools
# Debian's PostgreSQL packages make a cluster of their own, which nobody here asked for.
RUN mkdir -p /etc/postgresql-common \
    && echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf \
    && apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        curl inotify-tools postgresql postgresql-client procps python3-jsonschema python3-psycopg python3-pytest \
        python3-pytest-xdist \
    && rm -rf /var/lib/apt/lists/* /var/cache/debconf/*-old /var/log/*

# ---- docs-ui: what the pages at / and /docs are made of. npm brings it in by the lock files alone, so that no other edit does it again.
# DOCS_UI=no is for where npm reaches no registry: the pages then only link the API.
FROM ${DEBIAN_IMAGE} AS docs-ui
ARG DOCS_UI=yes
RUN if [ "$DOCS_UI" = no ]; then exit 0; fi \
    && apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ca-certificates npm \
    && rm -rf /var/lib/apt/lists/* /var/cache/debconf/*-old /var/log/*
COPY docs-ui/package.json docs-ui/package-lock.json docs-ui/.npmrc /docs-ui/npm/
COPY web-ui/package.json web-ui/package-lock.json web-ui/.npmrc /web-ui/npm/
RUN mkdir -m 755 /docs-ui/files /web-ui/files \
    && if [ "$DOCS_UI" = no ]; then exit 0; fi \
    && for page in docs-ui web-ui; do \
        (cd "/$page/npm" && npm ci) || { echo 'npm could not bring in the pages: --build-arg DOCS_UI=no builds without them' >&2; exit 1; }; \
    done
COPY scripts/web-files /usr/local/bin/web-files
COPY docs-ui /docs-ui/source
COPY web-ui /web-ui/source
# The mode of a file of the checkout is that of the image (COPY), and a checkout of umask 077 is for its owner alone.
RUN if [ "$DOCS_UI" = no ]; then exit 0; fi \
    && for page in docs-ui web-ui; do sh /usr/local/bin/web-files "/$page/source" "/$page" && chmod -R a+rX "/$page/files" || exit 1; done

# ---- build: the program, and a root file system with its closure. The dev image begins with the same objects.
FROM toolchain AS build
COPY . /src
RUN sh /src/docker/dev/build
COPY --from=docs-ui /docs-ui/files /rootfs/usr/share/stratslabd/docs
COPY --from=docs-ui /web-ui/files /rootfs/usr/share/stratslabd/ui
RUN make -s -C /cache/live install DESTDIR=/rootfs \
    && sh /src/docker/runtime/collect /rootfs \
    && mkdir /empty

# ---- dev: the source is mounted at /src, objects live in the volume at /cache.
FROM dev-tools AS dev
# The numbers of the user who owns the checkout, where others may not read it.
ARG APP_UID=10001
ARG APP_GID=10001
RUN groupadd --non-unique --gid ${APP_GID} appuser \
    && useradd --non-unique --uid ${APP_UID} --gid ${APP_GID} --home-dir /tmp --no-create-home --shell /bin/sh appuser
# A new volume takes its owner from the folder that it is mounted at: objects, and backtestd's candles.
RUN mkdir /cache /var/cache/backtestd && chown ${APP_UID}:${APP_GID} /cache /var/cache/backtestd
COPY --from=build --chown=${APP_UID}:${APP_GID} /cache /usr/local/lib/stratslab-cache
COPY --from=docs-ui /docs-ui/files /usr/share/stratslabd/docs
COPY --from=docs-ui /web-ui/files /usr/share/stratslabd/ui
COPY docker/dev /usr/local/lib/stratslab-dev
RUN chmod -R a+rX /usr/local/lib/stratslab-dev
COPY . /src
ENV PATH=/cache/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    STRATSLAB_ENVIRONMENT=development \
    STRATSLAB_LISTEN=*:8000 \
    STRATSLAB_MIGRATIONS_DIR=/src/sql/migrations
WORKDIR /usr/local/lib/stratslab-dev
USER ${APP_UID}:${APP_GID}
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=30s --start-period=60s --retries=5 CMD ["stratslabd", "health"]
ENTRYPOINT ["sh", "/usr/local/lib/stratslab-dev/entrypoint"]
CMD ["stratslabd", "serve"]
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="stratslabd, for development" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"

# ---- runtime: both programs. backtestd takes `--entrypoint backtestd`; it is a tenth of the image, which is why it has none of its own.
FROM scratch AS runtime
COPY --from=build /rootfs /
# For backtestd's candles: a new volume takes its owner from here.
COPY --from=build --chown=10001:10001 /empty /var/cache/backtestd
ENV PATH=/usr/bin \
    STRATSLAB_LISTEN=*:8000
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=30s --start-period=60s --retries=5 CMD ["stratslabd", "health"]
ENTRYPOINT ["stratslabd"]
CMD ["serve"]
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=unknown
ARG DEBIAN_RELEASE
LABEL org.opencontainers.image.title="stratslabd" \
      org.opencontainers.image.description="The API service of StratsLab: trading strategies, their versions and their backtests" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="debian:${DEBIAN_RELEASE}-slim"
