/** What a user chose to see of a camera, and its stored form. Pure. */

export const LAYERS = ['objects', 'groups', 'tracks', 'scene', 'events'] as const;
export type Layer = (typeof LAYERS)[number];

export const SPANS_HOURS = [1, 6, 24] as const;

export interface CameraChoice {
  /** The layers over the picture that are shown. */
  readonly layers: Readonly<Record<Layer, boolean>>;
  /** Whether the live video plays. */
  readonly live: boolean;
  /** Of the timeline: one of {@link SPANS_HOURS}. */
  readonly hours: number;
}

export const DEFAULT_CHOICE: CameraChoice = {
  layers: { objects: true, groups: true, tracks: true, scene: true, events: true },
  live: true,
  hours: 6,
};

/** Reads a stored choice. Parts that are missing or of another kind take their defaults. */
export function readChoice(stored: unknown): CameraChoice {
  if (typeof stored !== 'object' || stored === null) return DEFAULT_CHOICE;
  const { layers, live, hours }: { layers?: unknown; live?: unknown; hours?: unknown } = stored;
  const given: Partial<Record<string, unknown>> = typeof layers === 'object' && layers !== null ? { ...layers } : {};
  return {
    layers: { ...DEFAULT_CHOICE.layers, ...Object.fromEntries(LAYERS.map((name) => [name, given[name] !== false])) },
    live: live !== false,
    hours: SPANS_HOURS.find((each) => each === hours) ?? DEFAULT_CHOICE.hours,
  };
}
