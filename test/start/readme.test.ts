import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Stack, startStack } from '../support/stack.ts';
import { root } from './npm-start.ts';
import { paste } from './paste.ts';

// README's transcript: its commands as they stand, in one shell, answer what it says they do.

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack?.stop());

/** Commands begin with `$ `, what continues one is indented below it, and the rest is what it printed. */
function transcript(): { commands: string[]; printed: string } {
  const [, block] = /^```console\n(.*?)^```$/ms.exec(readFileSync(join(root, 'README.md'), 'utf8'))!;
  const lines = block!.split('\n');
  const isCommand = lines.map((line) => line.startsWith('$ '));
  for (let i = 1; i < lines.length; i += 1)
    isCommand[i] ||= isCommand[i - 1]! && lines[i]!.startsWith('    ');
  const commands = lines.filter((_, i) => isCommand[i]).map((line) => line.replace(/^\$ /, ''));
  return { commands, printed: lines.filter((_, i) => !isCommand[i]).join('\n') };
}

/** Without what differs from run to run, and without the line breaks of a page. */
const plain = (text: string): string =>
  text.replaceAll(/\b([a-z]{3})_[0-9a-z]{26}\b/g, '$1_…').replaceAll(/\n\s*/g, '');

test('the transcript of README answers what it shows', async () => {
  const { commands, printed } = transcript();
  const said = plain(await paste([`API=${stack.url} KEY=${stack.key}`, ...commands]));
  // `…` stands for what was left out.
  const pieces = plain(printed).split('…');
  const whole = new RegExp(
    `^${pieces.map((piece) => piece.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('.*?')}$`,
  );
  expect(said).toMatch(whole);
});
