/** No call to another system may last for ever. */

export class DeadlineExceeded extends Error {
  override name = 'DeadlineExceeded';
}

/**
 * The promise's result, or a DeadlineExceeded after `ms` milliseconds. The work itself is not cancelled: its result is
 * no longer waited for, so what is raced here must be safe to finish later.
 */
export async function within<T>(ms: number, what: string, work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DeadlineExceeded(`${what} took longer than ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, expired]);
  } finally {
    if (timer !== null) clearTimeout(timer);
  }
}
