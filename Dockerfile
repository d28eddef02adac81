# Two images: `service`, the Worker on workerd for development and CI, and `bridge`, which `docker build .` makes. On Cloudflare the Worker has no image.
# A tag can be moved, a digest cannot. To pin all stages, write node:22.23.3-alpine@DIGEST with the digest from
#   docker buildx imagetools inspect node:22.23.3-alpine --format '{{.Manifest.Digest}}'

# workerd needs glibc, which Alpine lacks.
FROM node:22.23.3-bookworm-slim AS service
WORKDIR /app
COPY package.json package-lock.json ./
# Wrangler is among the development dependencies. What workerd and esbuild need is in packages; their install scripts only make them faster.
RUN npm ci --include=dev --ignore-scripts --no-audit --no-fund
COPY tsconfig.json wrangler.toml ./
COPY migrations migrations
COPY scripts scripts
COPY src src
# Builds the pages, and gives the directories that must be writable to the user of the service.
RUN node scripts/build-pages.ts && mkdir -p /data .wrangler && chown node:node /data .wrangler
# Wrangler keeps a log and a registry of Workers at home.
ENV HOME=/tmp PAYMENT_SERVICE_DATA=/data
USER node
EXPOSE 8003
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
  CMD node -e "fetch('http://127.0.0.1:' + (process.env.PAYMENT_SERVICE_PORT ?? 8003) + '/health').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"
# Node itself is process 1, so that it gets the SIGTERM that ends the service.
CMD ["node", "--disable-warning=ExperimentalWarning", "scripts/serve.ts"]

FROM node:22.23.3-alpine AS bridge-dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund
# Of Cloudflare's client, 100 of 120 MB are types, maps and its sources, which nothing runs.
RUN rm -r node_modules/cloudflare/src && find node_modules \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' \) -delete

FROM node:22.23.3-alpine AS bridge
ENV NODE_ENV=production
WORKDIR /app
COPY --from=bridge-dependencies /app/node_modules node_modules
COPY package.json ./
COPY src/contract src/contract
COPY src/bridge src/bridge
USER node
EXPOSE 8004
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD wget -q -O /dev/null "http://127.0.0.1:${BRIDGE_PORT:-8004}/healthz"
# Node itself is process 1, so that it gets the SIGTERM on which it finishes its open batches. It runs TypeScript as it is.
CMD ["node", "src/bridge/main.ts"]
