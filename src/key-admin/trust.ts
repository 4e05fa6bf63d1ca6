/** What of the changes that anybody may have written is taken. Pure. */
import { type Change, type Changes, highestStamp } from './changes.ts';

const filtered = (changes: Changes, keep: (name: string, change: Change) => boolean): Changes =>
  new Map([...changes].filter(([name, change]) => keep(name, change)));

export const withoutPuts = (changes: Changes): Changes => filtered(changes, (_name, { kind }) => kind !== 'put');
export const withoutPutsOfOthers = (changes: Changes, node: string): Changes =>
  filtered(changes, (_name, { kind, stamp }) => kind !== 'put' || stamp[1] === node);
export const ofNode = (changes: Changes, node: string): Changes =>
  filtered(changes, (_name, { stamp }) => stamp[1] === node);

/** Changes that a node makes while another one does not hear of them, at the most: a time further ahead is made up. */
const FURTHEST_AHEAD = 1_000_000;

export interface Stranger {
  readonly theirs: Changes;
  readonly mine: Changes;
  readonly node: string;
  /** Whether this node has a key of that name. */
  readonly isKey: (name: string) => boolean;
}

/**
 * Of an unauthenticated record: no added keys, nothing that says it was made here unless it was, nothing about keys that
 * there are not (which would only fill the record), and no time from which no later change could come.
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
