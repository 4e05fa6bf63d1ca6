/** One way to write a picture again: its longer side in px, and the JPEG quality, 1..100. */
export interface Try {
  readonly side: number;
  readonly quality: number;
}

/** Lower quality first, then fewer pixels: what is in the picture stays recognisable longest. */
const QUALITIES = [
  { quality: 70, share: 0.85 },
  { quality: 55, share: 0.57 },
  { quality: 40, share: 0.44 },
] as const;
const SIDES = [1_600, 1_280, 1_024, 800, 640, 480, 320, 160];
/** A street is written smaller or larger than by the rule by a fifth or so. */
const MAY_FIT = 1.25;

/**
 * What to try in turn until a JPEG fits `maxBytes`. Left out is what cannot be expected to: a try costs as much as all else
 * that is done for the picture. `share` is what a quality leaves of a JPEG as cameras write them (75 to 80, measured on
 * street scenes); bytes go with the pixels. At least one is left, the smallest.
 */
export function shrinkTries(bytes: number, longerSide: number, maxBytes: number): readonly Try[] {
  const sides = [longerSide, ...SIDES.filter((side) => side < longerSide)];
  const all = sides.flatMap((side) =>
    QUALITIES.map(({ quality, share }) => ({ side, quality, expected: bytes * share * (side / longerSide) ** 2 })),
  );
  const hopeful = all.filter(({ expected }) => expected <= MAY_FIT * maxBytes);
  return (hopeful.length > 0 ? hopeful : all.slice(-1)).map(({ side, quality }) => ({ side, quality }));
}
