/** Parts of a context that a test does not use, so that it fails where they are used after all. */
import type { Context } from '../../src/core/context.ts';

const unexpected = async (): Promise<never> => {
  throw new Error('a test did not expect this to be sent');
};

export const UNUSED_PARTS: Pick<Context, 'blockCodec' | 'archive' | 'relay' | 'eventQueue' | 'workQueue'> = {
  blockCodec: { blockHash: unexpected, pack: unexpected, unpack: unexpected, sha256: unexpected },
  archive: null,
  relay: unexpected,
  eventQueue: { send: unexpected },
  workQueue: { send: unexpected },
};
