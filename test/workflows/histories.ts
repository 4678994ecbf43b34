import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Client } from '@temporalio/client';
import { temporal } from '@temporalio/proto';
import { workflowId } from '../../src/workflows/messages.ts';

// Golden histories: lives as a real server recorded them, one file a run, in Temporal's JSON.

type History = temporal.api.history.v1.IHistory;

const folder = new URL('../histories/', import.meta.url);

/** Every recorded run, by name. */
export function readHistories(): { name: string; history: History }[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => ({
      name: file.replace('.json', ''),
      history: temporal.api.history.v1.History.fromObject(
        JSON.parse(readFileSync(new URL(file, folder), 'utf8')),
      ),
    }));
}

/** Records every run of a subscription as `<name>-1.json`, `<name>-2.json` … */
export async function record(client: Client, id: string, name: string): Promise<void> {
  const runs = await runsOf(client, id);
  for (const [n, history] of runs.entries()) {
    const plain = temporal.api.history.v1.History.fromObject(history).toJSON();
    // Which process of which machine did it is nobody's business.
    const text = JSON.stringify(plain).replaceAll(/"\d+@[^"]*"/g, '"worker"');
    writeFileSync(new URL(`${name}-${n + 1}.json`, folder), `${text}\n`);
  }
}

/** The histories of all runs of a subscription's workflow, the oldest first. */
export async function runsOf(client: Client, id: string): Promise<History[]> {
  const runs: History[] = [];
  let runId: string | undefined;
  do {
    const history: History = await client.workflow.getHandle(workflowId(id), runId).fetchHistory();
    runs.unshift(history);
    runId =
      history.events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId || undefined;
  } while (runId);
  return runs;
}
