/** One way to encode a picture again: its longer side in px, and the JPEG quality, 1..100. */
export interface Try {
  readonly side: number;
  readonly quality: number;
}

/** Lower quality first, then fewer pixels: a picture stays recognisable longest that way. */
const QUALITIES = [
  { quality: 70, share: 0.85 },
  { quality: 55, share: 0.57 },
  { quality: 40, share: 0.44 },
] as const;
const SIDES = [1_600, 1_280, 1_024, 800, 640, 480, 320, 160];
/** A JPEG turns out up to a fifth or so smaller or larger than estimated. */
const MAY_FIT = 1.25;

/**
 * The encodings to try in turn until a JPEG of `bytes` fits `maxBytes`. Those that are expected to be too large are
 * left out, because a try costs as much as the rest of the work on a picture; the smallest always stays. `share` is the
 * part of its bytes that a camera's JPEG (quality 75 to 80) keeps at a quality, measured on street scenes; bytes are
 * proportional to pixels.
 */
export function shrinkTries(bytes: number, longerSide: number, maxBytes: number): readonly Try[] {
  const sides = [longerSide, ...SIDES.filter((side) => side < longerSide)];
  const all = sides.flatMap((side) =>
    QUALITIES.map(({ quality, share }) => ({ side, quality, expected: bytes * share * (side / longerSide) ** 2 })),
  );
  const hopeful = all.filter(({ expected }) => expected <= MAY_FIT * maxBytes);
  return (hopeful.length > 0 ? hopeful : all.slice(-1)).map(({ side, quality }) => ({ side, quality }));
}
