# The bridge. The Worker runs on Cloudflare and has no image.
# A tag can be moved, a digest cannot. To pin both stages, write node:22.23.3-alpine@DIGEST with the digest from
#   docker buildx imagetools inspect node:22.23.3-alpine --format '{{.Manifest.Digest}}'
FROM node:22.23.3-alpine AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund
# Of Cloudflare's client, 100 of 120 MB are types, maps and its sources, which nothing runs.
RUN rm -r node_modules/cloudflare/src && find node_modules \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' \) -delete

FROM node:22.23.3-alpine
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY package.json ./
COPY src/contract src/contract
COPY src/bridge src/bridge
USER node
EXPOSE 8004
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD wget -q -O /dev/null "http://127.0.0.1:${BRIDGE_PORT:-8004}/healthz"
# Node itself is process 1, so that it gets the SIGTERM on which it finishes its open batches. It runs TypeScript as it is.
CMD ["node", "src/bridge/main.ts"]
