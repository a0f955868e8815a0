# One image, several programs: the command picks the one to run.
#
#   node services/ingest/src/main.ts
#   node services/worker/src/main.ts
#   node services/console/src/main.ts
#   node packages/storage/src/migrate.ts
#   vss ...                                  the operator's command

# The manifests alone, so that dependencies are installed anew only when one of them has changed.
FROM node:24-slim AS manifests
WORKDIR /app
COPY . .
RUN find . -type f ! -name package.json ! -name package-lock.json -delete

FROM node:24-slim AS dependencies
WORKDIR /app
COPY --from=manifests /app ./
# No dependency in use here needs its install script: the native ones come as prebuilt packages.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
  --workspace services/ingest --workspace services/worker --workspace services/console --workspace services/cli

FROM node:24-slim AS programs
LABEL org.opencontainers.image.title="vss-pipeline" \
  org.opencontainers.image.description="8x8 Voice Session Summary webhooks as clean rows in your own Postgres" \
  org.opencontainers.image.licenses="MIT"
# V8 lets its young generation grow to 128 MiB by itself, which buys these services no speed.
ENV NODE_ENV=production HOST=0.0.0.0 NODE_OPTIONS=--max-semi-space-size=16 NODE_COMPILE_CACHE=/var/cache/vss
WORKDIR /app
RUN ln -s /app/services/cli/src/main.ts /usr/local/bin/vss \
  && install -d -o node -g node -m 0700 /var/lib/vss-spool
# Owned by root: what runs as node cannot change its own code.
COPY --from=dependencies /app ./
COPY . .
# Nothing between the engine and the program, so that it gets the signals itself.
ENTRYPOINT []
CMD ["vss", "--help"]

# The modules of each program, made JavaScript and compiled for the user that runs them. With them `ingest --help` took half
# of the CPU, and a sixth less memory.
FROM programs AS compiled
RUN install -d -o node -g node /var/cache/vss
USER node
RUN set -e; for service in ingest worker console; do node services/$service/src/main.ts --help; done; \
  vss --help; chmod -R a+rX /var/cache/vss

FROM programs
COPY --from=compiled --chown=root:root /var/cache/vss /var/cache/vss
USER node
