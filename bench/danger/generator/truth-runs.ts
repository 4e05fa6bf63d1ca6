/** Stretches of frames in which a condition holds. */

/** Frames from `first` to `last`, both included. */
export interface Run {
  readonly first: number;
  readonly last: number;
}

/** Runs of at least `least` frames; gaps of up to `gap` frames don't end one. */
export function runsOf(frames: Iterable<number>, least: number, gap = 2): readonly Run[] {
  const runs: { first: number; last: number }[] = [];
  for (const frame of frames) {
    const run = runs.at(-1);
    if (run !== undefined && frame - run.last <= gap + 1) run.last = frame;
    else runs.push({ first: frame, last: frame });
  }
  return runs.filter(({ first, last }) => last - first + 1 >= least);
}

/** Frames of a track at which `holds`. */
export function* framesWhere(
  { first, states }: { readonly first: number; readonly states: { readonly length: number } },
  holds: (frame: number) => boolean,
): Generator<number> {
  for (let index = 0; index < states.length; index += 1) if (holds(first + index)) yield first + index;
}
