# Builds with BuildKit and with the classic builder alike, so it uses no `RUN --mount` and no frontend of its own.
ARG RUST_VERSION=1.95

FROM rust:${RUST_VERSION}-slim-bookworm AS builder
WORKDIR /build
COPY . .
# The commit that `--version` prints: the image is built without its repository.
ARG GATEWAY_COMMIT
# Cargo reads these as its own settings. Unset, they leave the release profile as the manifest has it; a test that wants
# a quick image more than fast programs sets them.
ARG CARGO_PROFILE_RELEASE_LTO
ARG CARGO_PROFILE_RELEASE_CODEGEN_UNITS
ARG CARGO_PROFILE_RELEASE_OPT_LEVEL
# Line tables would be nine tenths of the image.
ENV CARGO_PROFILE_RELEASE_DEBUG=false
RUN cargo build --locked --release -p control-plane -p data-plane -p gatewayctl

FROM debian:bookworm-slim
# Fixed, so that a volume's owner is the same in every image.
RUN groupadd --gid 10001 gateway \
    && useradd --uid 10001 --gid gateway --no-create-home --home-dir /var/lib/gateway --shell /usr/sbin/nologin gateway \
    && install --directory --owner gateway --group gateway --mode 0700 /var/lib/gateway /var/lib/gateway-tokens
# Who vouches for the https servers that policies name. The slim image has none.
COPY --from=builder /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=builder /build/target/release/control-plane \
    /build/target/release/data-plane \
    /build/target/release/gatewayctl \
    /usr/local/bin/
USER 10001:10001
WORKDIR /var/lib/gateway
ENV GATEWAY_DATA_DIR=/var/lib/gateway
# Which of the three programs runs is for the container to say; docker-compose.yml does.
CMD ["gatewayctl", "--help"]
