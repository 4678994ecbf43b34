/** The innermost message of an error: the database's outer message repeats the statement. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause instanceof Error) return reasonOf(error.cause);
  const { code } = error as Error & { code?: unknown };
  return error.message || (typeof code === 'string' ? code : error.name);
}
