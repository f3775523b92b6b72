# syntax=docker/dockerfile:1

# The image of everything that Flightline starts: master, worker, submit, web and the jobs.
#
#   docker build -t flightline .
#   docker build -t flightline --build-arg FEATURES=kafka,mongodb .
#
# FEATURES is what cargo's --features takes: servers (Kafka, MongoDB and HDFS), kafka, mongodb, hdfs, s3, gs. Nothing is also
# possible, and is a build without servers. It needs BuildKit, which Docker has switched on since version 23.

ARG RUST_VERSION=1.95
ARG FEATURES=servers,s3,gs

FROM rust:${RUST_VERSION}-bookworm AS build
ARG FEATURES
# librdkafka is built from its source and links the system's OpenSSL and zlib. A C compiler and make are in the image.
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt,sharing=locked \
    apt-get update -q && \
    apt-get install -y -q --no-install-recommends libssl-dev pkg-config zlib1g-dev
WORKDIR /src
COPY . .
# The folder of the build is a cache, so what is to stay is copied out of it in the same step. Symbols are a quarter of the size.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --release --locked --bins --features "${FEATURES}" && \
    mkdir /programs && \
    for program in dead-letters demo distances extract generate import master model predict replay submit train web worker; do \
        strip -o "/programs/${program}" "target/release/${program}" || exit 1; \
    done

FROM debian:bookworm-slim AS flightline
# libssl3 and zlib1g are linked by librdkafka, libgcc-s1 by every program. libgssapi-krb5-2 is in nobody's `ldd`: the client of
# HDFS loads it when a NameNode asks for Kerberos. Certificates are those of object stores, MongoDB and brokers. With curl a
# container can ask itself whether it is well. SASL's own library is not needed: librdkafka brings SCRAM and PLAIN.
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt,sharing=locked \
    apt-get update -q && \
    apt-get install -y -q --no-install-recommends \
        ca-certificates curl libgcc-s1 libgssapi-krb5-2 libssl3 zlib1g

# Secrets are refused unless they are their reader's alone, so all containers that share one run as the same user. An empty
# volume takes over owner and mode of the folder that it is mounted on.
RUN groupadd --gid 10001 flightline && \
    useradd --uid 10001 --gid flightline --no-create-home --home-dir /srv/flightline --shell /usr/sbin/nologin flightline && \
    install -d -o flightline -g flightline -m 755 /srv/flightline && \
    install -d -o flightline -g flightline -m 700 /var/lib/flightline /var/lib/flightline/master \
        /var/lib/flightline/worker /var/lib/flightline/cluster-secret /var/lib/flightline/token

# A worker starts the programs beside itself, so all of them stand in one folder, which is none of its own.
COPY --from=build /programs/ /usr/local/bin/
COPY config/ /etc/flightline/
COPY data/ /usr/share/flightline/data/

# A number, so that Kubernetes can see that it isn't root.
USER 10001:10001
WORKDIR /srv/flightline
ENV FLIGHTLINE_CLUSTER_SECRET_FILE=/var/lib/flightline/cluster-secret/cluster.secret \
    FLIGHTLINE_TOKEN_FILE=/var/lib/flightline/token/token \
    FLIGHTLINE_WORKER_FOLDER=/var/lib/flightline/worker \
    FLIGHTLINE_WORKER_ROOTS=/srv/flightline

LABEL org.opencontainers.image.title="Flightline" \
      org.opencontainers.image.description="A distributed dataflow engine: trains a forest on flights, and answers a stream" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.base.name="docker.io/library/debian:bookworm-slim"

# Every program handles SIGTERM itself, also as process 1, and a worker waits for what it has started: there is no need of an
# init. Which of them is healthy when, compose and Kubernetes say.
STOPSIGNAL SIGTERM
CMD ["master", "--help"]
