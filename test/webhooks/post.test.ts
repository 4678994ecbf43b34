import type { LookupAddress } from 'node:dns';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createPost, type PostOptions } from '../../src/webhooks/post.ts';
import { receiverFault } from '../../src/webhooks/receivers.ts';
import { type Receiver, startReceiver } from '../support/receiver.ts';

// One attempt, against real sockets on loopback: which answers count, which do not and why, and where nothing is sent at
// all.

let receiver: Receiver;
beforeAll(async () => {
  receiver = await startReceiver();
});
afterAll(() => receiver.stop());
beforeEach(() => {
  receiver.received.length = 0;
});

const post = (url: string, options: Partial<PostOptions> = {}) =>
  createPost({ allowsPrivate: true, timeoutMs: 2_000, ...options })(
    url,
    { 'webhook-id': 'evt_1' },
    '{"ä":1}',
  );
const guarded = (url: string, options: Partial<PostOptions> = {}) =>
  post(url, { allowsPrivate: false, ...options });

describe('an answer', () => {
  it.each([
    [200, null],
    [204, null],
    [299, null],
    [300, 'redirect'],
    [304, 'redirect'],
    [400, 'status'],
    [404, 'status'],
    [410, 'gone'],
    [429, 'status'],
    [500, 'status'],
    [503, 'status'],
  ])('%i: %s', async (status, failure) => {
    receiver.answer(() => status);
    expect(await post(receiver.url)).toEqual({ status, failure });
    const [{ headers, body }] = receiver.received as [(typeof receiver.received)[0]];
    expect(body).toBe('{"ä":1}');
    expect(headers).toMatchObject({ 'content-type': 'application/json', 'webhook-id': 'evt_1' });
  });

  it('that redirects is not followed', async () => {
    receiver.answer((_, response) => {
      response.writeHead(307, { Location: `${receiver.url}/elsewhere` }).end();
      return undefined;
    });
    expect(await post(receiver.url)).toEqual({ status: 307, failure: 'redirect' });
    expect(receiver.received.map(({ path }) => path)).toEqual(['/']);
  });

  it('without end is cut off, not read', async () => {
    let isCutOff: () => void;
    const cutOff = new Promise<void>((resolve) => {
      isCutOff = resolve;
    });
    receiver.answer((_, response) => {
      response.writeHead(200);
      const more = setInterval(() => response.write('x'.repeat(10_000)), 1);
      response.on('close', () => {
        clearInterval(more);
        isCutOff();
      });
      return undefined;
    });
    expect(await post(receiver.url, { timeoutMs: 60_000 })).toEqual({ status: 200, failure: null });
    await cutOff;
  });

  it('that does not come in time', async () => {
    receiver.answer(() => undefined);
    expect(await post(receiver.url, { timeoutMs: 50 })).toEqual({ status: null, failure: 'timeout' });
  });

  it('that is cut off', async () => {
    receiver.answer((_, response) => {
      response.socket!.destroy();
      return undefined;
    });
    expect(await post(receiver.url)).toEqual({ status: null, failure: 'connection' });
  });
});

describe('where nothing answers', () => {
  it('nobody listens', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    expect(await post(`http://127.0.0.1:${port}`)).toEqual({ status: null, failure: 'connection' });
  });

  it('the name is none', async () => {
    expect(await post('http://nobody.invalid/')).toEqual({ status: null, failure: 'name' });
    expect(await guarded('https://nobody.invalid/')).toEqual({ status: null, failure: 'name' });
  });

  it('it is no TLS', async () => {
    const url = receiver.url.replace('http:', 'https:');
    expect(await post(url)).toEqual({ status: null, failure: 'tls' });
  });
});

describe('nothing is sent', () => {
  const port = () => new URL(receiver.url).port;
  /** A name server that answers otherwise the second time. */
  function rebinding(...answers: string[]): { resolve: NonNullable<PostOptions['resolve']>; asked: number } {
    const server = {
      asked: 0,
      resolve: (
        _: string,
        __: unknown,
        callback: (error: null, addresses: LookupAddress[]) => void,
      ): void => {
        const address = answers[server.asked] ?? answers.at(-1)!;
        server.asked += 1;
        callback(null, [{ address, family: 4 }]);
      },
    };
    return server;
  }

  it.each(['127.0.0.1', '127.1', '[::1]', '[::ffff:127.0.0.1]', '2130706433', '10.0.0.1', '169.254.169.254'])(
    'to https://%s',
    async (host) => {
      expect(await guarded(`https://${host}:${port()}/`)).toEqual({
        status: null,
        failure: 'address_refused',
      });
      expect(receiver.received).toEqual([]);
    },
  );

  it('to a name that leads to loopback', async () => {
    expect(await guarded(`https://localhost:${port()}/`)).toEqual({
      status: null,
      failure: 'address_refused',
    });
  });

  it('to a name that leads to loopback at the moment of connecting, after any earlier answer', async () => {
    const names = rebinding('8.8.8.8', '127.0.0.1');
    names.resolve('hooks.example', { all: true }, () => {});
    const answered = await guarded(`https://hooks.example:${port()}/`, { resolve: names.resolve });
    expect(answered).toEqual({ status: null, failure: 'address_refused' });
    // One look-up, whose answer was checked: no second one that could be another's.
    expect(names.asked).toBe(2);
  });

  it.each(['http://example.com/', 'ftp://example.com/', 'file:///etc/passwd'])('to %s', async (url) => {
    expect(await guarded(url)).toEqual({ status: null, failure: 'url_refused' });
  });

  it('and where private addresses are allowed, only over http and https', async () => {
    receiver.answer(() => 200);
    expect(await post('file:///etc/passwd')).toEqual({ status: null, failure: 'url_refused' });
    expect(await post(receiver.url)).toEqual({ status: 200, failure: null });
    expect(await post(`http://localhost:${port()}`)).toEqual({ status: 200, failure: null });
  });

  it('and there to no metadata of a cloud, by its address or by a name', async () => {
    const refused = { status: null, failure: 'address_refused' };
    expect(await post('http://169.254.169.254/latest/meta-data/')).toEqual(refused);
    const { resolve } = rebinding('168.63.129.16');
    expect(await post('http://hooks.example/', { resolve })).toEqual(refused);
  });
});

describe('a URL for an endpoint', () => {
  it.each([
    ['https://example.com/hooks', null],
    ['https://example.com:8443/hooks?token=a', null],
    ['https://8.8.8.8/', null],
    ['http://example.com/', 'must be an https URL'],
    ['ftp://example.com/', 'must be an https URL'],
    ['javascript:alert(1)', 'must be an https URL'],
    ['example.com/hooks', 'must be a URL'],
    ['https://', 'must be a URL'],
    ['https://user:secret@example.com/', 'must not hold a user or password'],
    ['https://127.0.0.1/', 'must not be a private address'],
    ['https://0x7f000001/', 'must not be a private address'],
    ['https://168.63.129.16/', 'must not be a private address'],
    ['https://[fd00::1]/', 'must not be a private address'],
  ])('%s: %s', (url, fault) => {
    expect(receiverFault(url, false)).toBe(fault);
  });

  it.each([
    ['http://127.0.0.1:3000/', null],
    ['http://localhost:3000/', null],
    ['ftp://127.0.0.1/', 'must be an https URL'],
    ['http://169.254.169.254/', "must not be the address of a cloud's metadata"],
  ])('in development, %s: %s', (url, fault) => {
    expect(receiverFault(url, true)).toBe(fault);
  });
});
