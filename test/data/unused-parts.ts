/** Parts of a context that a test does not use, so that it fails where they are used after all; and the only database that it has. */
import type { Context } from '../../src/core/context.ts';

const unexpected = async (): Promise<never> => {
  throw new Error('a test did not expect this to be sent');
};

function unexpectedDatabase(): never {
  throw new Error('a test did not expect another database to be asked');
}

export const UNUSED_PARTS: Pick<
  Context,
  | 'shard'
  | 'shards'
  | 'reportBreaker'
  | 'blockCodec'
  | 'archive'
  | 'relay'
  | 'bridgeState'
  | 'postAlert'
  | 'eventQueue'
  | 'workQueue'
> = {
  shard: 0,
  shards: { count: 1, at: unexpectedDatabase },
  reportBreaker: () => {},
  blockCodec: { blockHash: unexpected, pack: unexpected, unpack: unexpected, sha256: unexpected },
  archive: null,
  relay: unexpected,
  bridgeState: unexpected,
  postAlert: unexpected,
  eventQueue: { send: unexpected },
  workQueue: { send: unexpected },
};
