import http from 'node:http';
import https from 'node:https';
import type { Failure } from '../domain/events.ts';
import { AddressRefused, literalAddress, mayReceive, receiverLookup } from './addresses.ts';
import { isSpoken } from './receivers.ts';

/** The outcome of one attempt: the status of the answer, and a reason if the attempt failed. */
export interface Answered {
  status: number | null;
  failure: Failure | null;
}

/** Sends a body to a URL. Never rejects for a receiver's failure. */
export type Post = (url: string, headers: Record<string, string>, body: string) => Promise<Answered>;

/** The options of a `Post`. */
export interface PostOptions {
  /** In development: private addresses and http are allowed. */
  allowsPrivate: boolean;
  timeoutMs?: number;
  /** The look-up of names; by default the system's. */
  resolve?: Parameters<typeof receiverLookup>[0];
}

const TIMEOUT_MS = 10_000;

/** Sends one POST to a URL. It reads the status of the answer, never its body, and follows no redirect. */
export function createPost({ allowsPrivate, timeoutMs = TIMEOUT_MS, resolve }: PostOptions): Post {
  const lookup = receiverLookup(resolve, allowsPrivate);
  return async (text, headers, body) => {
    const url = new URL(text);
    if (!isSpoken(url, allowsPrivate)) return { status: null, failure: 'url_refused' };
    const literal = literalAddress(url);
    if (literal !== null && !mayReceive(literal, allowsPrivate))
      return { status: null, failure: 'address_refused' };
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      const status = await send(url, { lookup, headers, signal }, body);
      return { status, failure: failureOf(status) };
    } catch (error) {
      return { status: null, failure: signal.aborted ? 'timeout' : reasonOf(error) };
    }
  };
}

function send(url: URL, options: https.RequestOptions, body: string): Promise<number> {
  const { request } = url.protocol === 'http:' ? http : https;
  return new Promise((resolve, reject) => {
    const asked = request(url, {
      ...options,
      method: 'POST',
      // A new connection for each request, checked when it is made: a kept one would outlive a change of the name's
      // address.
      agent: false,
      headers: {
        ...options.headers,
        'Content-Type': 'application/json',
        'Content-Length': Buffer.byteLength(body),
        'User-Agent': 'Drawdown',
      },
    });
    asked.once('response', (response) => {
      resolve(response.statusCode ?? 0);
      // The body of the answer is never read.
      response.destroy();
    });
    // Not `once`: cutting the answer off may raise an error too.
    asked.on('error', reject);
    asked.end(body);
  });
}

function failureOf(status: number): Failure | null {
  if (status >= 200 && status < 300) return null;
  if (status === 410) return 'gone';
  return status >= 300 && status < 400 ? 'redirect' : 'status';
}

const TLS = /^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED|HOSTNAME_MISMATCH|EPROTO)/;

function reasonOf(error: unknown): Failure {
  if (error instanceof AddressRefused) return 'address_refused';
  const code = (error as { code?: unknown }).code;
  if (typeof code !== 'string') return 'connection';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'name';
  return TLS.test(code) ? 'tls' : 'connection';
}
