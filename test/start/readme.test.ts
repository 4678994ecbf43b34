import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Stack, startStack } from '../support/stack.ts';
import { root } from './npm-start.ts';
import { paste } from './paste.ts';

// README's commands as they stand, in one shell, give the answers that the page shows.

const page = readFileSync(join(root, 'README.md'), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'drawdown-readme-'));

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(async () => {
  await stack?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('the first lines of README start a subscription and list the events', async () => {
  const [start, ...lines] = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, block]) =>
    block!.trimEnd().split('\n'),
  );
  // start.test.ts runs this one.
  expect(start).toBe('npm start');
  const key = join(folder, 'api-key');
  writeFileSync(key, `${stack.key}\n`);
  const said = await paste(
    lines.map((line) => line.replace('http://127.0.0.1:8787', stack.url).replace('.data/api-key', key)),
  );
  const [subscription, events, ...rest] = said.trimEnd().split('\n');
  expect(rest).toEqual([]);
  expect(JSON.parse(subscription!)).toMatchObject({ customer_id: 'grace', status: 'active' });
  const { data } = JSON.parse(events!) as { data: { type: string; data: { credits?: number } }[] };
  expect(data.map(({ type }) => type).sort()).toEqual(['grant.made', 'subscription.started']);
  expect(data.find(({ type }) => type === 'grant.made')!.data.credits).toBe(200);
});

/** Commands begin with `$ `, their continuation is indented below, and the rest is their output. */
function transcript(): { commands: string[]; printed: string } {
  const [, block] = /^```console\n(.*?)^```$/ms.exec(page)!;
  const lines = block!.split('\n');
  const isCommand = lines.map((line) => line.startsWith('$ '));
  for (let i = 1; i < lines.length; i += 1)
    isCommand[i] ||= isCommand[i - 1]! && lines[i]!.startsWith('    ');
  const commands = lines.filter((_, i) => isCommand[i]).map((line) => line.replace(/^\$ /, ''));
  return { commands, printed: lines.filter((_, i) => !isCommand[i]).join('\n') };
}

/** The text without parts that differ from run to run, and without the line breaks of a page. */
const plain = (text: string): string =>
  text.replaceAll(/\b([a-z]{3})_[0-9a-z]{26}\b/g, '$1_…').replaceAll(/\n\s*/g, '');

test('the transcript of README gives the answers that it shows', async () => {
  const { commands, printed } = transcript();
  const said = plain(await paste([`API=${stack.url} KEY=${stack.key}`, ...commands]));
  // `…` stands for left-out text.
  const pieces = plain(printed).split('…');
  const whole = new RegExp(
    `^${pieces.map((piece) => piece.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('.*?')}$`,
  );
  expect(said).toMatch(whole);
});
