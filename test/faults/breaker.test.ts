import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { freePort } from '../../src/embedded/ports.ts';
import { createCaller, TemporalUnavailable } from '../../src/temporal.ts';
import { type Stack, startStack } from '../support/stack.ts';

// A call that timed out: Temporal itself is asked whether it is there, before other callers are refused.

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack?.stop());

test('a workflow that does not answer refuses its own callers', async () => {
  const { client } = stack;
  // Nobody polls this task queue.
  const mute = await client.workflow.start('mute', { workflowId: 'mute', taskQueue: 'nobody', args: [] });
  onTestFinished(async () => void (await mute.terminate()));
  const caller = createCaller(client);
  await expect(caller.call(() => mute.executeUpdate('never'))).rejects.toThrow('within 2500 ms');
  for (let i = 0; i < 10; i += 1)
    expect(await caller.call(() => mute.describe())).toMatchObject({ workflowId: 'mute' });
});

test('a server that is away refuses everybody at once', async () => {
  const connection = Connection.lazy({ address: `127.0.0.1:${await freePort()}` });
  onTestFinished(() => connection.close());
  const caller = createCaller(new Client({ connection }));
  const call = () => caller.call((client) => client.workflow.getHandle('any').describe());
  await expect(call()).rejects.toThrow(TemporalUnavailable);
  await expect
    .poll(() => call().catch(({ message }: Error) => message), { timeout: 20_000 })
    .toMatch('a moment ago');
});
