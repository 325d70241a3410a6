# A static program in an image that holds nothing else but the certificate authorities.
ARG RUST_IMAGE=rust:1.95-slim-bookworm

FROM ${RUST_IMAGE} AS build
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates musl-tools \
    && rm -rf /var/lib/apt/lists/*
RUN rustup target add "$(uname -m)-unknown-linux-musl"
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
COPY src src
COPY dev/redshift dev/redshift
COPY dev/identity dev/identity
# The tests are no part of the program, but the manifest names them.
COPY tests tests
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --locked --release --target "$(uname -m)-unknown-linux-musl" --bin redshift-integration-operator \
    && cp "target/$(uname -m)-unknown-linux-musl/release/redshift-integration-operator" /redshift-integration-operator

FROM scratch
LABEL org.opencontainers.image.title="redshift-integration-operator" \
      org.opencontainers.image.description="Sets up, watches over and removes an access-governance integration in Amazon Redshift" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="0.1.0"
# Those that warehouses' certificates are verified against where a resource names no others.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /redshift-integration-operator /redshift-integration-operator
# A number, so that Kubernetes can tell that it isn't root. Nothing is written to the file system.
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/redshift-integration-operator"]
CMD ["run"]
