/** Does the work for each of them, so many at once, in their order; answers with what each came to. */
export async function inLanes<One, Result>(
  lanes: number,
  all: Iterable<One>,
  work: (one: One) => Promise<Result>,
): Promise<Result[]> {
  const left = [...all].entries();
  const results: Result[] = [];
  const lane = async () => {
    for (const [index, one] of left) results[index] = await work(one);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return results;
}
