/** The edits of a scene: the scene as it is drawn, the part that is selected, undo and redo. Pure. */
import type { SceneConfig } from '../../../../src/messages/scene.ts';

/** A zone, a line or a calibration point, by its place in its list. */
export interface Part {
  readonly list: 'zones' | 'lines' | 'calibration';
  readonly index: number;
}

export interface SceneEdits {
  readonly scene: SceneConfig;
  /** As the server has it; null: it has none. */
  readonly saved: SceneConfig | null;
  readonly selected: Part | null;
  /** Scenes before the present one, oldest first. */
  readonly past: readonly SceneConfig[];
  /** Scenes that undo left, the next one last. */
  readonly future: readonly SceneConfig[];
  /** Changes with the same name, one after the other, are one step of undo. */
  readonly gesture: string | null;
}

/** Steps that can be undone. */
export const MOST_STEPS = 200;

/** Starts with a scene; `saved` null: the camera has none. */
export const startedWith = (scene: SceneConfig, saved: SceneConfig | null): SceneEdits => ({
  scene,
  saved,
  selected: null,
  past: [],
  future: [],
  gesture: null,
});

/**
 * Takes a changed scene. The same scene changes nothing.
 *
 * @param gesture of a drag, of a key that repeats or of typing: its changes are undone together
 */
export function edited(edits: SceneEdits, scene: SceneConfig, gesture: string | null = null): SceneEdits {
  if (scene === edits.scene) return edits;
  const goesOn = gesture !== null && gesture === edits.gesture;
  return {
    ...edits,
    scene,
    selected: stillThere(scene, edits.selected),
    past: goesOn ? edits.past : [...edits.past, edits.scene].slice(-MOST_STEPS),
    future: [],
    gesture,
  };
}

export const selecting = (edits: SceneEdits, selected: Part | null): SceneEdits => ({
  ...edits,
  selected: stillThere(edits.scene, selected),
  gesture: null,
});

export const undone = (edits: SceneEdits): SceneEdits => {
  const scene = edits.past.at(-1);
  if (scene === undefined) return edits;
  const future = [...edits.future, edits.scene];
  return { ...stepped(edits, scene), past: edits.past.slice(0, -1), future };
};

export const redone = (edits: SceneEdits): SceneEdits => {
  const scene = edits.future.at(-1);
  if (scene === undefined) return edits;
  const past = [...edits.past, edits.scene];
  return { ...stepped(edits, scene), past, future: edits.future.slice(0, -1) };
};

const stepped = (edits: SceneEdits, scene: SceneConfig): SceneEdits => ({
  ...edits,
  scene,
  selected: stillThere(scene, edits.selected),
  gesture: null,
});

/** The server took this scene, or null: it removed the camera's. What was edited meanwhile stays an edit. */
export const savedAs = (edits: SceneEdits, saved: SceneConfig | null): SceneEdits => ({
  ...edits,
  saved,
  gesture: null,
});

/** Whether the scene differs from the server's. A scene with nothing in it is the same as none. */
export const isChanged = ({ scene, saved }: SceneEdits): boolean =>
  saved === null ? !isEmpty(scene) : JSON.stringify(bodyOf(scene)) !== JSON.stringify(bodyOf(saved));

const isEmpty = (scene: SceneConfig): boolean => {
  const { zones, lines, calibration, speedLimitKmh, thresholds } = bodyOf(scene);
  return zones.length === 0 && lines.length === 0 && !calibration && speedLimitKmh === undefined && !thresholds;
};

/** The scene as it is sent: without the parts that say nothing. */
export function bodyOf({ width, height, calibration = [], zones, lines, speedLimitKmh, thresholds }: SceneConfig) {
  const changes = Object.entries(thresholds ?? {}).filter(([, fields]) => Object.keys(fields ?? {}).length > 0);
  const body: SceneConfig = { width, height, zones, lines };
  if (calibration.length > 0) body.calibration = calibration;
  if (speedLimitKmh !== undefined) body.speedLimitKmh = speedLimitKmh;
  if (changes.length > 0) body.thresholds = Object.fromEntries(changes);
  return body;
}

function stillThere(scene: SceneConfig, part: Part | null): Part | null {
  if (part === null) return null;
  return part.index < (scene[part.list]?.length ?? 0) ? part : null;
}
