import { once } from 'node:events';
import http2, { type ClientHttp2Session, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';

// A way to Temporal that a test can block: one call is held, or nothing comes through.

export interface TemporalProxy {
  address: string;
  /** Holds the calls that match until `release`; the others go through. */
  hold(matches: (method: string, request: Buffer) => boolean): void;
  /** How many calls were held so far. */
  held(): number;
  /** Lets everything through again; held calls are answered as unavailable. */
  release(): void;
  /** Ends all connections and takes none until `open`. */
  shut(): Promise<void>;
  open(): Promise<void>;
  stop(): Promise<void>;
}

const isOfConnection = (name: string) => ['connection', 'host', 'transfer-encoding'].includes(name);

export async function startTemporalProxy(upstreamAddress: string): Promise<TemporalProxy> {
  const upstream = http2.connect(`http://${upstreamAddress}`);
  upstream.on('error', () => {});
  let matches: (method: string, request: Buffer) => boolean = () => false;
  let held: ServerHttp2Stream[] = [];
  let count = 0;
  let server = http2.createServer();
  const sessions = new Set<{ destroy(): void }>();

  function serve(on: typeof server): void {
    on.on('session', (session) => {
      sessions.add(session);
      session.on('close', () => sessions.delete(session));
      session.on('error', () => {});
    });
    on.on('stream', async (stream, headers) => {
      stream.on('error', () => {});
      const chunks: Buffer[] = [];
      for await (const chunk of stream) chunks.push(chunk as Buffer);
      const request = Buffer.concat(chunks);
      if (!matches(String(headers[':path']), request)) return forward(upstream, stream, headers, request);
      count += 1;
      held.push(stream);
    });
  }

  async function open(port = 0): Promise<number> {
    server = http2.createServer();
    serve(server);
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }
  async function shut(): Promise<void> {
    for (const session of sessions) session.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  const port = await open();
  return {
    address: `127.0.0.1:${port}`,
    hold(which) {
      matches = which;
    },
    held: () => count,
    release() {
      matches = () => false;
      for (const stream of held) stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
      held = [];
    },
    shut,
    open: async () => void (await open(port)),
    async stop() {
      await shut();
      upstream.destroy();
    },
  };
}

function forward(
  upstream: ClientHttp2Session,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  request: Buffer,
): void {
  const sent = Object.fromEntries(Object.entries(headers).filter(([name]) => !isOfConnection(name)));
  const call = upstream.request(sent);
  let trailers: IncomingHttpHeaders = {};
  call.on('error', () => stream.close());
  call.on('trailers', (got) => {
    trailers = got;
  });
  call.on('response', (answer, flags) => {
    if (stream.destroyed) return;
    const isOver = (flags & http2.constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    stream.respond(answer, { endStream: isOver, waitForTrailers: !isOver });
    if (isOver) return;
    stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    call.pipe(stream);
  });
  call.end(request);
}
