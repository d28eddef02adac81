/** Throughput of two servers, in short slices that alternate, so that what else the machine does meets both alike. */
import { drive, type Load } from './load.ts';
import { median, middleHalf } from './statistics.ts';

export interface Paired {
  /** The median of what the first server did in a slice, divided by what the second did in the next to it. */
  ratio: number;
  /** Its middle half. */
  spread: string;
  firstPerSecond: number;
  secondPerSecond: number;
  /** Of the client, while the first server answered. */
  clientCores: number;
}

export async function driveInPairs(options: {
  first: Omit<Load, 'seconds'>;
  second: Omit<Load, 'seconds'>;
  pairs: number;
  seconds: number;
  signal: AbortSignal;
  onPair: () => void;
}): Promise<Paired> {
  const ratios: number[] = [];
  const firsts: number[] = [];
  const seconds: number[] = [];
  const clientCores: number[] = [];
  for (let pair = 0; pair < options.pairs; pair += 1) {
    options.signal.throwIfAborted();
    const driveFirst = () => drive({ ...options.first, seconds: options.seconds });
    const driveSecond = () => drive({ ...options.second, seconds: options.seconds });
    // Whichever comes first may find the machine in another state: they take turns.
    const inOrder = pair % 2 === 0;
    const before = await (inOrder ? driveFirst() : driveSecond());
    const after = await (inOrder ? driveSecond() : driveFirst());
    const [first, second] = inOrder ? [before, after] : [after, before];
    ratios.push(first.perSecond / second.perSecond);
    firsts.push(first.perSecond);
    seconds.push(second.perSecond);
    clientCores.push(first.clientCores);
    options.onPair();
  }
  return {
    ratio: median(ratios),
    spread: middleHalf(ratios),
    firstPerSecond: median(firsts),
    secondPerSecond: median(seconds),
    clientCores: median(clientCores),
  };
}
