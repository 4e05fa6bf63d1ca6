/** Filters for changes that anybody who can write to Redis may have made. Pure. */
import { type Change, type Changes, highestStamp } from './changes.ts';

const filtered = (changes: Changes, keep: (name: string, change: Change) => boolean): Changes =>
  new Map([...changes].filter(([name, change]) => keep(name, change)));

export const withoutPuts = (changes: Changes): Changes => filtered(changes, (_name, { kind }) => kind !== 'put');
export const withoutPutsOfOthers = (changes: Changes, node: string): Changes =>
  filtered(changes, (_name, { kind, stamp }) => kind !== 'put' || stamp[1] === node);
export const ofNode = (changes: Changes, node: string): Changes =>
  filtered(changes, (_name, { stamp }) => stamp[1] === node);

/** No node makes more changes unnoticed by another one: a Lamport time further ahead is made up. */
const FURTHEST_AHEAD = 1_000_000;

export interface Stranger {
  readonly theirs: Changes;
  readonly mine: Changes;
  readonly node: string;
  /** Whether this node has a key of that name. */
  readonly isKey: (name: string) => boolean;
}

/**
 * The acceptable changes of an unauthenticated record. Left out are added keys, changes that falsely claim to be made
 * here, changes of unknown keys (they would only fill the record), and times so late that no change could follow.
 */
export function fromStrangers({ theirs, mine, node, isKey }: Stranger): Changes {
  const last = highestStamp(mine) + FURTHEST_AHEAD;
  return filtered(withoutPuts(theirs), (name, change) => {
    const known = mine.get(name);
    const [counter, maker] = change.stamp;
    const isMade = maker === node && known?.stamp[1] === node && known.stamp[0] >= counter;
    return counter <= last && (maker !== node || isMade) && (known !== undefined || isKey(name));
  });
}
