import type { Database } from '../src/db/client.ts';
import { createSpending, type Spending, type SpendOutcome } from '../src/db/spend-batches.ts';
import { DEFAULT_CATALOG } from '../src/domain/catalog/default.ts';
import { newId } from '../src/ids.ts';
import { closeAll, openWires, restOf } from './spend-http.ts';
import { BODIES, type Job, type Outcome } from './spend-load.ts';
import { type Api, pool } from './spend-stack.ts';

// The ways to spend: in this process, or through the API over HTTP.

/** A way to spend. */
export interface Target {
  spend(caller: number, job: Job): Promise<Outcome>;
  close(): Promise<void> | void;
}

/** Spends as an API process does, in this process. */
export function direct(url: string): Target {
  const db = pool(url, 10);
  const spending = createSpending(db);
  return { spend: (_, job) => serveJob(spending, job), close: () => closed(db) };
}

/** Spends with a queue for each caller: every request travels alone, and nothing else is different. */
export function oneByOne(url: string, callers: number): Target {
  const db = pool(url, callers);
  const own = Array.from({ length: callers }, () => createSpending(db));
  return { spend: (caller, job) => serveJob(own[caller]!, job), close: () => closed(db) };
}

const closed = (db: Database): Promise<void> => db.$client.end({ timeout: 1 });

async function serveJob(spending: Spending, { subscriptionId, key, body, isRepeat }: Job): Promise<Outcome> {
  const { credits, lines, hash } = BODIES[body]!;
  const served = await spending.submit({
    ...{ subscriptionId, op: 'usage', id: newId('use'), key, bodyHash: hash, credits, lines },
    ...{ via: null, reference: null, metadata: {}, catalogVersion: DEFAULT_CATALOG.version, seconds: null },
  });
  return outcomeOf(served, isRepeat);
}

function outcomeOf({ kind }: SpendOutcome, isRepeat: boolean): Outcome {
  if (kind === 'ok' && !isRepeat) return 'spent';
  if (kind === 'replay' && isRepeat) return 'replayed';
  return kind === 'insufficient_credits'
    ? 'short'
    : { fault: `${isRepeat ? 'a repeat' : 'a spend'}: ${kind}` };
}

/** Spends over HTTP, a connection for each caller. */
export async function overHttp(api: Api, callers: number): Promise<Target> {
  const wires = await openWires(api, callers);
  const rests = BODIES.map(({ json }) => restOf(json, api.port, api.key));
  return {
    async spend(caller, { subscriptionId, key, body, isRepeat }) {
      const path = `/v1/subscriptions/${subscriptionId}/usage`;
      const { status, body: text } = await wires[caller]!.post(path, key, rests[body]!);
      if (status === 201) return isRepeat ? 'replayed' : 'spent';
      return status === 402 ? 'short' : { fault: `${status}: ${text.slice(0, 200)}` };
    },
    close: () => closeAll(wires),
  };
}

/** Holds and captures: a refusal of the hold stands for both. */
export async function holdAndCapture(api: Api, callers: number): Promise<Target> {
  const wires = await openWires(api, callers);
  const rests = BODIES.map(({ json }) => restOf(json, api.port, api.key));
  const nothing = restOf('{}', api.port, api.key);
  return {
    async spend(caller, { subscriptionId, key, body, isRepeat }) {
      const path = `/v1/subscriptions/${subscriptionId}/holds`;
      const held = await wires[caller]!.post(path, key, rests[body]!);
      if (held.status === 402) return 'short';
      if (held.status !== 201) return { fault: `hold ${held.status}: ${held.body.slice(0, 200)}` };
      const [, id] = /"id":"(hld_\w+)"/.exec(held.body) ?? [];
      const captured = await wires[caller]!.post(`${path}/${id}/capture`, `${key}-capture`, nothing);
      if (captured.status === 200) return isRepeat ? 'replayed' : 'spent';
      return { fault: `capture ${captured.status}: ${captured.body.slice(0, 200)}` };
    },
    close: () => closeAll(wires),
  };
}
