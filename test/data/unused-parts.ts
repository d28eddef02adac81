/** Parts of a context that a test does not use, so that it fails where they are used after all. */
import type { Context } from '../../src/core/context.ts';

const unexpected = async (): Promise<never> => {
  throw new Error('a test did not expect this to be sent');
};

export const UNUSED_PARTS: Pick<Context, 'blockCodec' | 'relay' | 'eventQueue' | 'workQueue'> = {
  blockCodec: { blockHash: unexpected, pack: unexpected, unpack: unexpected },
  relay: unexpected,
  eventQueue: { send: unexpected },
  workQueue: { send: unexpected },
};
