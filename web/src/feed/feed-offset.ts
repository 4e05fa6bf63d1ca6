/** Order of the offsets that messages of the feed carry. Pure. */

function placeOf(offset: string): { readonly epoch: string; readonly seq: number } {
  const [epoch = '', seq = ''] = offset.split('-');
  return { epoch, seq: Number(seq) };
}

/** Whether to resume from `offset` rather than `known`: it is greater in the same stream, or of another stream. */
export function isLater(known: string | null, offset: string): boolean {
  if (known === null) return true;
  const [before, now] = [placeOf(known), placeOf(offset)];
  return before.epoch !== now.epoch || before.seq < now.seq;
}

/** The offset to resume from after one more message. */
export const laterOf = (known: string | null, offset: string): string =>
  known === null || isLater(known, offset) ? offset : known;
