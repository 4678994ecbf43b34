/** Works through the items, at most `most` at once. The first failure ends it. */
export async function atOnce<T>(
  most: number,
  items: AsyncIterable<T>,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const coming = items[Symbol.asyncIterator]();
  const one = async () => {
    for (let next = await coming.next(); !next.done; next = await coming.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: most }, one));
}

/** Every id of a list that is read by pages, each page after the last id of the page before. */
export async function* paged(read: (after: string) => Promise<string[]>): AsyncGenerator<string> {
  for (let page = await read(''); page.length > 0; page = await read(page.at(-1)!)) yield* page;
}
