/** An error and its causes, outermost first. Empty for a value that is no error. */
export function causesOf(error: unknown): Error[] {
  const causes: Error[] = [];
  for (let cause = error; cause instanceof Error; cause = cause.cause) causes.push(cause);
  return causes;
}

/** The innermost message of an error: the database's outer message repeats the statement. */
export function reasonOf(error: unknown): string {
  const innermost = causesOf(error).at(-1);
  if (!innermost) return String(error);
  const { code } = innermost as Error & { code?: unknown };
  return innermost.message || (typeof code === 'string' ? code : innermost.name);
}
