# The server alone: no shell, no package manager, no root.
FROM rust:1.95-slim-bookworm AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends build-essential \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cargo build --release --locked --package muster \
    && mkdir -p /out/data \
    && cp target/release/muster /out/

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /out/muster /usr/local/bin/muster
# SQLite and the tenants' files; with a PostgreSQL the files alone.
COPY --from=build --chown=nonroot:nonroot --chmod=0700 /out/data /var/lib/muster
VOLUME /var/lib/muster
ENV MUSTER_LISTEN=0.0.0.0:8086 MUSTER_DATA_DIR=/var/lib/muster
EXPOSE 8086
ENTRYPOINT ["/usr/local/bin/muster"]
CMD ["serve"]
