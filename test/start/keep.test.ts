import { describe, expect, it, vi } from 'vitest';
import { keepAlive, type Running } from '../../src/embedded/keep.ts';

interface Fake extends Running {
  number: number;
  end(how: string): void;
}

describe('something kept alive', () => {
  it('is started again when it ends, and the new start is given the old one', async () => {
    const { started, start, said } = factory();
    const kept = await keepAlive('API', start, (line) => said.push(line));
    started[0]!.end('ended with code 1');
    await vi.waitFor(
      () => expect(said).toEqual(['API ended with code 1; starting it again', 'API is back']),
      {
        timeout: 3_000,
      },
    );
    expect(started.map(({ number }) => number)).toEqual([0, 1]);
    await kept.stop();
  });

  it('is tried again when it does not come back', async () => {
    const { started, start, said, failNext } = factory();
    const kept = await keepAlive('API', start, (line) => said.push(line));
    failNext('no memory');
    started[0]!.end('ended by SIGKILL');
    await vi.waitFor(() => expect(said.at(-1)).toBe('API is back'), { timeout: 5_000 });
    expect(said).toContain('API did not come back (no memory); starting it again');
    await kept.stop();
  });

  it('stays down once it is stopped', async () => {
    const { started, start, said } = factory();
    const kept = await keepAlive('API', start, (line) => said.push(line));
    await kept.stop();
    expect(await started[0]!.exited).toBe('stopped');
    expect(said).toEqual([]);
    expect(started).toHaveLength(1);
  });

  it('does not hide that it never came up', async () => {
    const { start, failNext } = factory();
    failNext('port taken');
    await expect(keepAlive('API', start, () => {})).rejects.toThrow('port taken');
  });
});

function factory() {
  const started: Fake[] = [];
  const said: string[] = [];
  let failure: string | undefined;
  const start = async (before?: Fake): Promise<Fake> => {
    const message = failure;
    failure = undefined;
    if (message) throw new Error(message);
    const next = fake(before === undefined ? 0 : before.number + 1);
    started.push(next);
    return next;
  };
  const failNext = (message: string) => {
    failure = message;
  };
  return { started, said, start, failNext };
}

function fake(number: number): Fake {
  let resolve: (how: string) => void = () => {};
  const promise = new Promise<string>((settle) => {
    resolve = settle;
  });
  return { number, exited: promise, end: resolve, stop: async () => resolve('stopped') };
}
