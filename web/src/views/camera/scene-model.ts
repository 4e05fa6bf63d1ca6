/** The state of the scene editor: edits, checks, drawing, and the point that has the focus. */
import { type Accessor, createEffect, createMemo, createSignal, on, onCleanup } from 'solid-js';
import type { ImagePoint, SceneConfig } from '../../../../src/messages/scene.ts';
import {
  edited,
  isChanged,
  type Part,
  redone,
  savedAs,
  type SceneEdits,
  selecting,
  startedWith,
  undone,
} from './scene-edits.ts';
import { type Handle, pointOf, within, withNewLine, withNewPair, withNewZone, withPoint } from './scene-parts.ts';
import { type CheckedScene, checked, type SceneProblem } from './scene-problems.ts';

/** `select`, or the list that is drawn for. */
export type Tool = 'select' | Part['list'];
export type Panel = 'parts' | 'calibration' | 'thresholds' | 'picture' | 'dryRun';

/** Checks follow a change by so much, so that a drag stays smooth. */
const CHECK_MS = 120;

export interface SceneModel {
  readonly scene: Accessor<SceneConfig>;
  readonly saved: Accessor<SceneConfig | null>;
  readonly selected: Accessor<Part | null>;
  readonly changed: Accessor<boolean>;
  readonly canUndo: Accessor<boolean>;
  readonly canRedo: Accessor<boolean>;
  readonly checked: Accessor<CheckedScene>;
  /** Those of the live check and the server's refusal of the scene as it is. */
  readonly problems: Accessor<readonly SceneProblem[]>;
  readonly panel: Accessor<Panel>;
  readonly drawing: Drawing;
  /** The point that had the focus last, while it is there. */
  readonly handle: Accessor<Handle | null>;
  /** Takes a changed scene; changes of one `gesture` are undone together. */
  edit(scene: SceneConfig, gesture?: string | null): void;
  select(part: Part | null): void;
  undo(): void;
  redo(): void;
  setSaved(scene: SceneConfig | null): void;
  refuse(problem: SceneProblem | null): void;
  show(panel: Panel): void;
  focused(handle: Handle | null): void;
  /** Moves a point by px of the scene's picture. */
  nudge(handle: Handle, x: number, y: number): void;
}

export function createSceneModel(scene: SceneConfig, saved: SceneConfig | null): SceneModel {
  const [edits, setEdits] = createSignal<SceneEdits>(startedWith(scene, saved));
  const [refusal, setRefusal] = createSignal<SceneProblem | null>(null);
  const [panel, setPanel] = createSignal<Panel>('parts');
  const [handle, setHandle] = createSignal<Handle | null>(null);
  const now = createMemo(() => edits().scene);
  const check = createChecks(now);
  const selected = createMemo(() => edits().selected);

  const edit = (next: SceneConfig, gesture: string | null = null): void => {
    setRefusal(null);
    setEdits((old) => edited(old, next, gesture));
  };
  const select = (part: Part | null): void => {
    setEdits((old) => selecting(old, part));
    if (part?.list === 'calibration') setPanel('calibration');
    else if (part !== null) setPanel('parts');
  };
  const step = (to: (edits: SceneEdits) => SceneEdits): void => {
    setRefusal(null);
    setEdits(to);
  };
  return {
    scene: now,
    saved: createMemo(() => edits().saved),
    selected,
    changed: createMemo(() => isChanged(edits())),
    canUndo: () => edits().past.length > 0,
    canRedo: () => edits().future.length > 0,
    checked: check,
    problems: createMemo(() => {
      const refused = refusal();
      return refused === null ? check().problems : [refused, ...check().problems];
    }),
    panel,
    drawing: createDrawing(now, edit, select),
    handle: createMemo(() => {
      const last = handle();
      return last !== null && pointOf(now(), last) !== null ? last : null;
    }),
    edit,
    select,
    undo: () => step(undone),
    redo: () => step(redone),
    setSaved: (next) => setEdits((old) => savedAs(old, next)),
    refuse: setRefusal,
    show: setPanel,
    focused: setHandle,
    nudge: (which, x, y) => {
      const at = pointOf(now(), which);
      if (at === null) return;
      const { part, of, index } = which;
      edit(withPoint(now(), which, [at[0] + x, at[1] + y]), `nudge ${part.list} ${part.index} ${of} ${index}`);
    },
  };
}

/** The checks of the present scene; a while after the change, at most once in {@link CHECK_MS}. */
function createChecks(scene: Accessor<SceneConfig>): Accessor<CheckedScene> {
  const [result, setResult] = createSignal(checked(scene()));
  let timer: ReturnType<typeof setTimeout> | undefined;
  createEffect(
    on(
      scene,
      () => {
        timer ??= setTimeout(() => {
          timer = undefined;
          setResult(checked(scene()));
        }, CHECK_MS);
      },
      { defer: true },
    ),
  );
  onCleanup(() => clearTimeout(timer));
  return result;
}

/** A part that is being drawn, by pointer or by keys. */
export interface Drawing {
  readonly tool: Accessor<Tool>;
  readonly points: Accessor<readonly ImagePoint[]>;
  /** The cross that keys move; px of the scene's picture. */
  readonly cursor: Accessor<ImagePoint>;
  begin(tool: Tool): void;
  moveTo(place: readonly [number, number]): void;
  /** @param near px of the scene's picture within which a place is that of a corner */
  put(near: number): void;
  removeLast(): void;
  finish(): void;
  cancel(): void;
}

function createDrawing(
  scene: Accessor<SceneConfig>,
  edit: (scene: SceneConfig) => void,
  select: (part: Part | null) => void,
): Drawing {
  const [tool, setTool] = createSignal<Tool>('select');
  const [points, setPoints] = createSignal<readonly ImagePoint[]>([]);
  const [cursor, setCursor] = createSignal<ImagePoint>([0, 0]);
  const end = (): void => {
    setPoints([]);
    setTool('select');
  };
  /** The new part is the last of its list. */
  const take = (list: Part['list'], next: SceneConfig): void => {
    edit(next);
    select({ list, index: (next[list]?.length ?? 1) - 1 });
  };
  const finish = (): void => {
    const drawn = points();
    if (tool() === 'zones' && drawn.length >= 3) take('zones', withNewZone(scene(), 'lane', drawn));
    end();
  };
  const put = (near: number): void => {
    const point = cursor();
    if (tool() === 'calibration') {
      take('calibration', withNewPair(scene(), point));
      return;
    }
    const drawn = points();
    const [first] = drawn;
    const isAt = (corner: ImagePoint | undefined): boolean =>
      corner !== undefined && Math.hypot(corner[0] - point[0], corner[1] - point[1]) <= near;
    if (tool() === 'lines') {
      if (first === undefined) setPoints([point]);
      else if (!isAt(first)) {
        take('lines', withNewLine(scene(), [first, point]));
        end();
      }
      return;
    }
    // The first corner closes the zone; the last one again, as by a double click, too.
    if (drawn.length >= 3 && (isAt(first) || isAt(drawn.at(-1)))) finish();
    else if (!isAt(drawn.at(-1))) setPoints([...drawn, point]);
  };
  return {
    tool,
    points,
    cursor,
    begin: (next) => {
      setPoints([]);
      setCursor(within(scene(), [Math.round(scene().width / 2), Math.round(scene().height / 2)]));
      setTool(next);
      if (next !== 'select') select(null);
    },
    moveTo: (place) => setCursor(within(scene(), place)),
    put,
    removeLast: () => setPoints(points().slice(0, -1)),
    finish,
    cancel: end,
  };
}
