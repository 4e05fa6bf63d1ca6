/**
 * The most that messages hold. Readers refuse what is over it, and producers cut to it: Gantry publishes nothing that
 * it would refuse. All of it is far above what real traffic reaches.
 */
export const MOST = {
  /** Of a frame: the detector keeps the surest. */
  objects: 200,
  /** Of a frame: each has two members at least, and no object is in two. */
  groups: 100,
  /** Kinds of risk of one group. */
  riskTypes: 4,
  /** Calls made for one task. */
  calls: 20,
  /** Cameras that one node lists. */
  cameras: 10_000,
  /** Px of a picture's side: no JPEG has more. */
  side: 65_535,
  /** A frame is revised once for each of its groups, at most. */
  revision: 100_000,
  /** Characters of ids and names. */
  name: 200,
  /** Characters of a phrase, such as a kind of risk. */
  phrase: 100,
  /** Characters of the description of one group. */
  description: 600,
  /** Characters of an error or a remark. */
  text: 1_000,
  /** Characters of an address. */
  url: 2_048,
  /** Characters of a time. */
  time: 40,
  /** Characters of what a webhook sends: an alert, as JSON text. */
  hookBody: 400_000,
} as const;

/** Bytes, JSON values and depth of a body; over one of them it is refused before it is looked at. */
export interface BodyBounds {
  readonly bytes: number;
  /** Values and separators outside of strings. */
  readonly parts: number;
  readonly depth: number;
}

/** Of every message on the way of the data. The largest that {@link MOST} allows is within. */
export const MESSAGE: BodyBounds = { bytes: 512 * 1024, parts: 60_000, depth: 16 };
/** Of a list of cameras, which a node answers with. */
export const LISTING: BodyBounds = { bytes: 1024 * 1024, parts: 120_000, depth: 16 };

/** `text` with at most so many UTF-16 units; the last is an ellipsis where it was cut. */
export const clipped = (text: string, most: number = MOST.text): string =>
  text.length <= most ? text : `${text.slice(0, most - 1)}…`;
