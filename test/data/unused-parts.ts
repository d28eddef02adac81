/** Parts of a context that a test does not use, so that it fails where they are used after all. */
import type { Context } from '../../src/core/context.ts';

const unexpected = async (): Promise<never> => {
  throw new Error('a test did not expect this to be sent');
};

export const UNUSED_PARTS: Pick<Context, 'blockHash' | 'relay' | 'eventQueue' | 'workQueue'> = {
  blockHash: unexpected,
  relay: unexpected,
  eventQueue: { send: unexpected },
  workQueue: { send: unexpected },
};
