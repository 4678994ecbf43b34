import type { LookupAddress } from 'node:dns';
import { describe, expect, it } from 'vitest';
import { isPublic, literalAddress, mayReceive, receiverLookup } from '../../src/webhooks/addresses.ts';

// Which addresses events may be sent to. IANA's registries of special addresses, one line a range, with its first and last address
// where they tell something.

const PRIVATE = `
  0.0.0.0  this host
  0.1.2.3
  10.0.0.0  RFC 1918
  10.255.255.255
  100.64.0.0  carrier-grade NAT
  100.127.255.255
  127.0.0.1  loopback
  127.255.255.254
  168.63.129.16  Azure's metadata, among public addresses
  169.254.0.1  link-local
  169.254.169.254  where clouds keep credentials
  172.16.0.0
  172.31.255.255
  192.0.0.1  IETF
  192.0.2.1  documentation
  192.88.99.1  6to4 relays
  192.168.0.1
  192.168.255.255
  198.18.0.1  benchmarks
  198.19.255.255
  198.51.100.1
  203.0.113.1
  224.0.0.1  multicast
  239.255.255.255
  240.0.0.1  reserved
  255.255.255.255  broadcast
  ::  unspecified
  ::1  loopback
  ::7f00:1  IPv4 in IPv6, the old way
  ::ffff:127.0.0.1  IPv4 mapped
  ::ffff:7f00:1
  ::ffff:169.254.169.254
  ::ffff:10.0.0.1
  ::ffff:0:127.0.0.1  IPv4 translated
  64:ff9b::7f00:1  NAT64
  64:ff9b::8.8.8.8
  64:ff9b:1::a00:1
  100::1  discard
  2001::1  Teredo
  2001:2::1  benchmarks
  2001:10::1  ORCHID
  2001:db8::1  documentation
  2002:7f00:1::  6to4
  2002:a00:1::1
  3fff::1  documentation
  4000::1  given out by nobody
  5f00::1  segment routing
  fc00::1  unique local
  fd00:ec2::254  where a cloud keeps credentials
  fe80::1  link-local
  fe80::1%eth0
  febf::1
  fec0::1  site-local
  ff02::1  multicast
`;

const PUBLIC = `
  1.1.1.1
  8.8.8.8
  9.255.255.255
  11.0.0.0
  100.63.255.255
  100.128.0.0
  128.0.0.1
  168.63.129.15
  168.63.129.17
  172.15.255.255
  172.32.0.0
  192.167.255.255
  192.169.0.0
  223.255.255.255
  ::ffff:8.8.8.8
  ::ffff:808:808
  2001:4860:4860::8888
  2606:4700:4700::1111
  2a00:1450:4001::1
`;

const rows = (table: string): string[] =>
  table
    .trim()
    .split('\n')
    .map((line) => line.trim().split('  ')[0]!);

describe('an address', () => {
  it.each(rows(PRIVATE))('%s is refused', (address) => {
    expect(isPublic(address)).toBe(false);
  });

  it.each(rows(PUBLIC))('%s is not', (address) => {
    expect(isPublic(address)).toBe(true);
  });

  it.each(['', 'localhost', '127.1.1', '256.1.1.1', '1.2.3.4.5', ':::', '8.8.8.8 '])('%j is none', (text) => {
    expect(isPublic(text)).toBe(false);
  });
});

describe('an address, where private ones are allowed', () => {
  it.each([
    '169.254.169.254',
    '::ffff:169.254.169.254',
    '169.254.170.2',
    '168.63.129.16',
    '100.100.100.200',
    '192.0.0.192',
    'fd00:ec2::254',
    'fd00:ec2::23',
    'fd20:ce::254',
    'fd00:42::42',
    'localhost',
  ])('%s is refused: a cloud hands out credentials there, or it is none', (address) => {
    expect(mayReceive(address, true)).toBe(false);
  });

  it.each(['127.0.0.1', '::1', '10.0.0.1', '192.168.0.1', '100.100.100.201', 'fd00::1', '8.8.8.8'])(
    '%s is not',
    (address) => {
      expect(mayReceive(address, true)).toBe(true);
    },
  );
});

describe('a URL that holds an address itself', () => {
  it.each([
    ['https://127.0.0.1/', '127.0.0.1'],
    ['https://127.1/', '127.0.0.1'],
    ['https://2130706433/', '127.0.0.1'],
    ['https://0x7f.0.0.1:8443/hook', '127.0.0.1'],
    ['https://0177.0.0.1/', '127.0.0.1'],
    ['https://１２７.0.0.1/', '127.0.0.1'],
    ['https://127.0.0.1./', '127.0.0.1'],
    ['https://[::1]/', '::1'],
    ['https://[::ffff:127.0.0.1]/', '::ffff:7f00:1'],
    ['https://user@10.0.0.1/', '10.0.0.1'],
    ['https://example.com/', null],
    ['https://127.0.0.1.example.com/', null],
  ])('%s: %s', (url, address) => {
    expect(literalAddress(new URL(url))).toBe(address);
  });
});

describe('the look-up of a name', () => {
  const four = (address: string): LookupAddress => ({ address, family: 4 });
  const six = (address: string): LookupAddress => ({ address, family: 6 });
  const look = (addresses: LookupAddress[], all: boolean): Promise<unknown> =>
    new Promise((resolve) => {
      const lookup = receiverLookup((_, options, callback) => {
        expect(options.all).toBe(true);
        callback(null, addresses);
      });
      lookup('hooks.example', { all }, (error, found) => resolve(error ? error.name : found));
    });

  it.each([
    ['one public address', [four('8.8.8.8')], 'ok'],
    ['several', [four('8.8.8.8'), six('2606:4700:4700::1111')], 'ok'],
    ['a private one', [four('10.0.0.1')], 'AddressRefused'],
    ['a private one behind a public one', [four('8.8.8.8'), four('127.0.0.1')], 'AddressRefused'],
    ['a private one of the other family', [four('8.8.8.8'), six('fd00::1')], 'AddressRefused'],
    ['one in IPv6 clothes', [six('::ffff:10.0.0.1')], 'AddressRefused'],
    ['none', [], 'AddressRefused'],
  ])('%s', async (_, addresses, outcome) => {
    expect(await look(addresses, true)).toEqual(outcome === 'ok' ? addresses : outcome);
    expect(await look(addresses, false)).toEqual(outcome === 'ok' ? addresses[0]!.address : outcome);
  });

  it('tells why a name has no address', async () => {
    const error = Object.assign(new Error('not found'), { code: 'ENOTFOUND' });
    const lookup = receiverLookup((_, __, callback) => callback(error, []));
    const reported = await new Promise((resolve) => lookup('hooks.example', {}, resolve));
    expect(reported).toBe(error);
  });
});
