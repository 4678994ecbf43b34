import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** The commands that a start prints: all lines from the one that names the API on, without the sentences between. */
export function commandsIn(printed: string): string[] {
  const lines = printed.slice(printed.indexOf('export API='), printed.indexOf('Ctrl-C stops')).split('\n');
  return lines.filter((line) => line !== '' && !line.endsWith(':'));
}

/** Pastes lines into one shell, as a person does, somewhere else than in the clone; rejects when one of them fails. */
export async function paste(lines: string[]): Promise<string> {
  const shell = ['-e', '-o', 'pipefail', '-c', lines.join('\n')];
  return (await promisify(execFile)('bash', shell, { cwd: '/' })).stdout;
}
