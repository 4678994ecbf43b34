import { createServer, type Server } from 'node:http';
import type { Registry } from 'prom-client';

// GET /metrics, on a port of its own: the API's port is open to callers.

/** An address to serve metrics on. */
interface MetricsAddress {
  host: string;
  port: number;
}

/** Milliseconds for the text of another exporter. */
const OTHER_WITHIN_MS = 2_000;

/** Serves a registry in Prometheus's text format. `others` are the addresses of exporters whose text is appended. */
export async function serveMetrics(
  registry: Registry,
  { host, port }: MetricsAddress,
  others: string[] = [],
): Promise<Server> {
  const server = createServer(async (request, response) => {
    if (request.method !== 'GET' || request.url?.split('?')[0] !== '/metrics') {
      response.writeHead(404).end();
      return;
    }
    try {
      const texts = await Promise.all([registry.metrics(), ...others.map(textOf)]);
      response.writeHead(200, { 'Content-Type': registry.contentType });
      response.end(texts.join('\n'));
    } catch {
      response.writeHead(500).end();
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'EADDRINUSE'
          ? new Error(`${host}:${port} is taken: set METRICS_PORT to another.`)
          : error,
      ),
    );
    server.listen(port, host, resolve);
  });
  // A scrape that is under way holds up no end of the process.
  return server.unref();
}

/** The text of another exporter; empty while it does not answer. */
async function textOf(address: string): Promise<string> {
  try {
    const answer = await fetch(address, { signal: AbortSignal.timeout(OTHER_WITHIN_MS) });
    return answer.ok ? await answer.text() : '';
  } catch {
    return '';
  }
}
