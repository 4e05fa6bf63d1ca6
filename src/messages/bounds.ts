/**
 * Upper bounds of messages, far above those of real traffic. Readers refuse messages over them and producers cut to
 * them, so Gantry never publishes a message that it would refuse.
 */
export const MOST = {
  /** Of a frame: the detector keeps the most confident ones. */
  objects: 200,
  /** Of a frame: each has at least two members, and no object is in two groups. */
  groups: 100,
  /** Incidents of one frame. */
  incidents: 100,
  /** Incidents that the question about a group tells of. */
  groupIncidents: 8,
  /** Road users of an incident whose way is told, and the points of one. */
  trajectories: 2,
  trajectory: 60,
  /** Parts of a camera's scene. */
  zones: 64,
  lines: 16,
  /** Pairs of lanes, by class, that a camera counts in a bin. */
  movements: 500,
  /** Corners of a zone. */
  polygon: 64,
  /** Pairs of points. */
  calibration: 64,
  /** Kinds of risk of one group. */
  riskTypes: 4,
  /** Calls made for one task. */
  calls: 20,
  /** Earlier moments of a group that its question shows. */
  earlierMoments: 2,
  /** Characters of a text that an operator adds to the model's instructions. */
  prompt: 2_000,
  /** Characters of the instructions that the model gets, the operator's texts included. */
  promptText: 20_000,
  /** Groups of one camera. */
  cameraGroups: 8,
  /** Cameras that one node lists. */
  cameras: 10_000,
  /** Pixels of a picture's side, as of any JPEG. */
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
  /** Characters of a comment on an alert, and of the reason for a shelf. */
  comment: 2_000,
  shelfReason: 300,
  /** Characters of an address. */
  url: 2_048,
  /** Characters of a time. */
  time: 40,
  /** Characters of a webhook's body, an alert as JSON. */
  hookBody: 400_000,
} as const;

/** Bounds of a body, checked before it is parsed. */
export interface BodyBounds {
  readonly bytes: number;
  /** Values and field names. */
  readonly parts: number;
  readonly depth: number;
}

/** For every message of the pipeline; the largest that {@link MOST} allows is within them. */
export const MESSAGE: BodyBounds = { bytes: 512 * 1024, parts: 60_000, depth: 16 };
/** For a node's list of cameras. */
export const LISTING: BodyBounds = { bytes: 1024 * 1024, parts: 120_000, depth: 16 };

/** `text` cut to `most` UTF-16 units, the last of them an ellipsis. */
export const clipped = (text: string, most: number = MOST.text): string =>
  text.length <= most ? text : `${text.slice(0, most - 1)}…`;
