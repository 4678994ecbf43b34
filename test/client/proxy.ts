import { type IncomingMessage, request, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { type Listening, listen } from '../support/listen.ts';

// The network between a client and the API: real sockets, and faults on the way back.

/** The fate of one request. `pass` answers; all others but `refuse` let the API answer first, and then … */
export type Fate =
  | 'pass'
  /** cut the connection, */
  | 'drop'
  /** cut it in the middle of the body, */
  | 'tear'
  /** say nothing for ever. */
  | 'silent'
  /** The request never reaches the API. */
  | { refuse: number; headers?: Record<string, string>; body?: string };

export interface Passed {
  method: string;
  path: string;
  key: string | undefined;
  body: string;
}

export interface Proxy extends Listening {
  /** The fates of the requests to come; then all pass. */
  plan(...fates: Fate[]): void;
  passed: Passed[];
}

export async function startProxy(target: string): Promise<Proxy> {
  const fates: Fate[] = [];
  const passed: Passed[] = [];
  const server = await listen(async (incoming, outgoing) => {
    const body = await buffer(incoming);
    passed.push(noted(incoming, body));
    const fate = fates.shift() ?? 'pass';
    if (typeof fate === 'object') {
      outgoing.writeHead(fate.refuse, fate.headers ?? {}).end(fate.body);
      return;
    }
    const answer = await forwarded(target, incoming, body);
    if (fate === 'drop') incoming.socket.destroy();
    else if (fate === 'tear') tear(outgoing, answer);
    else if (fate === 'pass') outgoing.writeHead(answer.status, answer.headers).end(answer.body);
  });
  return {
    ...server,
    passed,
    plan: (...planned) => {
      fates.splice(0, fates.length, ...planned);
      passed.length = 0;
    },
  };
}

interface Answer {
  status: number;
  headers: NodeJS.Dict<string | string[]>;
  body: Buffer;
}

const noted = ({ method = '', url = '', headers }: IncomingMessage, body: Buffer): Passed => ({
  method,
  path: url,
  key: headers['idempotency-key'] as string | undefined,
  body: body.toString(),
});

function forwarded(target: string, { method, url, headers }: IncomingMessage, body: Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const onward = request(target + url, { method, headers, agent: false }, async (answer) =>
      resolve({ status: answer.statusCode!, headers: answer.headers, body: await buffer(answer) }),
    );
    onward.once('error', reject);
    onward.end(body);
  });
}

function tear(outgoing: ServerResponse, { status, headers, body }: Answer): void {
  outgoing.writeHead(status, { ...headers, 'content-length': body.length });
  outgoing.write(body.subarray(0, body.length / 2), () => outgoing.socket?.destroy());
}
