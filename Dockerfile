# posta's image: the program, the libraries it needs, and nothing else; no shell, no package manager.
#
#   docker build -t registry.example/posta/posta:0.1.0 .          from the top of the source
#   podman build, buildah bud: the same. --platform linux/arm64 where the builder can.
#
# BASE has Debian 13, for its librdkafka; give it with a digest for a build that can be repeated.
ARG BASE=docker.io/library/debian:trixie-slim

FROM ${BASE} AS build
# Versions are those of the base's suite: Debian changes them for security only.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc make pkg-config libc6-dev librdkafka-dev libyaml-dev libssl-dev \
        libpcre2-dev zlib1g-dev libcurl4-openssl-dev libmicrohttpd-dev ca-certificates \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Makefile ./
COPY include include
COPY agent agent
RUN make -j2 posta
COPY k8s/image/root.sh k8s/image/root.sh
RUN k8s/image/root.sh build/posta /image

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="posta" \
      org.opencontainers.image.description="Ships log lines to Kafka and loses none" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0" \
      io.openshift.non-scalable="true"
COPY --from=build /image /
# Any other user will do as well: nothing in here belongs to this one but /var/lib/posta, where a volume is mounted.
USER 65532:65532
ENTRYPOINT ["/usr/bin/posta"]
CMD ["-c", "/etc/posta/posta.yml"]
