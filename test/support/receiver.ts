import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

// A receiver of events: a real server on loopback that keeps all requests.

export interface Received {
  path: string;
  id: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** Its answer to a request: a status, or its own use of the socket. */
export type Answering = (
  received: Received,
  response: ServerResponse,
) => number | undefined | Promise<number | undefined>;

export interface Receiver {
  url: string;
  received: Received[];
  /** The most requests that waited for an answer at the same time. */
  mostOpen(): number;
  /** From now on. */
  answer(how: Answering): void;
  stop(): Promise<void>;
}

export async function startReceiver(first: Answering = () => 204): Promise<Receiver> {
  let answering = first;
  const received: Received[] = [];
  let [open, mostOpen] = [0, 0];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    const { url: path = '', headers } = request;
    const one = { path, id: String(headers['webhook-id']), headers, body };
    received.push(one);
    open += 1;
    mostOpen = Math.max(mostOpen, open);
    response.once('close', () => {
      open -= 1;
    });
    const status = await answering(one, response);
    if (status !== undefined) response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    mostOpen: () => mostOpen,
    answer: (how) => {
      answering = how;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The signed content, as the scheme's own library verifies it; throws where the signature does not fit. */
export const verified = (secret: string, { body, headers }: Received): unknown =>
  new Webhook(secret).verify(body, headers as Record<string, string>);
