import { connect, type Socket } from 'node:net';

// A minimal HTTP/1.1 client: one keep-alive socket a caller, one request at a time, and it parses only status and length. Its
// cost is the benchmark's, on the same two cores as the measured API.

/** The status and body of a response. */
export interface Answered {
  status: number;
  body: string;
}

/** One connection. */
export interface Wire {
  /** Resolves with the whole response; rejects when the connection ends. */
  post(path: string, key: string, rest: string): Promise<Answered>;
  /** The same for a GET; `rest` is its headers after the path. */
  get(path: string, rest: string): Promise<Answered>;
  close(): void;
}

/** The text of a request after path and key: it depends on the body alone, so it is made once. */
export const restOf = (body: string, port: number, apiKey: string): string =>
  `\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${apiKey}\r\nContent-Type: application/json\r\n` +
  `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

/** The text of a GET after its path, with one header of the caller's identity. */
export const restOfGet = (identity: string, port: number): string =>
  `\r\nHost: 127.0.0.1:${port}\r\n${identity}\r\n\r\n`;

/** Opens a connection for each caller to a port of this machine. */
export const openWires = ({ port }: { port: number }, callers: number): Promise<Wire[]> =>
  Promise.all(Array.from({ length: callers }, () => openWire(port)));

/** Closes them. */
export function closeAll(wires: Wire[]): void {
  for (const wire of wires) wire.close();
}

function openWire(port: number): Promise<Wire> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.once('error', reject);
    socket.once('connect', () => resolve(wireOf(socket)));
  });
}

interface Waiting {
  resolve(answered: Answered): void;
  reject(error: Error): void;
}

function wireOf(socket: Socket): Wire {
  let waiting: Waiting | null = null;
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
    const answered = whole(text);
    if (answered === null || waiting === null) return;
    text = '';
    const { resolve } = waiting;
    waiting = null;
    resolve(answered);
  });
  let ended: Error | null = null;
  const end = (error: Error) => {
    ended ??= error;
    waiting?.reject(ended);
  };
  socket.on('error', end);
  socket.on('close', () => end(new Error('the API closed the connection')));
  const send = (request: string): Promise<Answered> =>
    new Promise((resolve, reject) => {
      if (ended) return reject(ended);
      waiting = { resolve, reject };
      socket.write(request, 'latin1');
    });
  return {
    post: (path, key, rest) => send(`POST ${path} HTTP/1.1\r\nIdempotency-Key: ${key}${rest}`),
    get: (path, rest) => send(`GET ${path} HTTP/1.1${rest}`),
    close() {
      socket.destroy();
    },
  };
}

/** The response once all of it is there; null before. Status 0: a response that this client can't read. */
function whole(text: string): Answered | null {
  const headers = text.indexOf('\r\n\r\n');
  if (headers === -1) return null;
  const [, length] = /\r\ncontent-length: (\d+)/i.exec(text) ?? [];
  if (length === undefined) return { status: 0, body: `no Content-Length: ${text.slice(0, headers)}` };
  const from = headers + 4;
  if (text.length < from + Number(length)) return null;
  return { status: Number(text.slice(9, 12)), body: text.slice(from) };
}
