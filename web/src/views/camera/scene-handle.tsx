/** One point of the selected part: dragged, or moved by keys. */
import { Show } from 'solid-js';
import type { SceneConfig } from '../../../../src/messages/scene.ts';
import { t } from '../../i18n/index.ts';
import { ARROW_STEPS } from './arrow-keys.ts';
import type { SceneModel } from './scene-model.ts';
import { type Handle, pointOf, pointsOf, withCornerAfter, withoutHandle, withPoint } from './scene-parts.ts';
import type { StageScale } from './stage-scale.ts';

export interface HandleProps {
  readonly model: SceneModel;
  readonly handle: Handle;
  readonly scale: StageScale;
  /** Where the pointer is, px of the scene's picture. */
  readonly place: (event: PointerEvent) => [number, number];
}

let drags = 0;

export function SceneHandle(props: HandleProps) {
  /** The drag in progress: its name, and from the pointer to the point. */
  let drag: { readonly gesture: string; readonly x: number; readonly y: number } | null = null;
  const at = (): readonly [number, number] => pointOf(props.model.scene(), props.handle) ?? [0, 0];
  const x = (): number => at()[0] * props.scale.x;
  const y = (): number => at()[1] * props.scale.y;
  const move = (event: PointerEvent): void => {
    if (drag === null) return;
    const [px, py] = props.place(event);
    props.model.edit(withPoint(props.model.scene(), props.handle, [px + drag.x, py + drag.y]), drag.gesture);
  };
  return (
    <>
      <Show when={props.handle.of === 'corner' && props.handle.part.list === 'zones'}>
        <InsertMark {...props} />
      </Show>
      <g
        class="scene-handle"
        role="button"
        tabindex={0}
        aria-label={handleName(props.model.scene(), props.handle)}
        data-handle={nameInList(props.handle)}
        onFocus={() => props.model.focused(props.handle)}
        onKeyDown={(event) => {
          if (!moveByKey(event, props.model, props.handle)) return;
          event.preventDefault();
          event.stopPropagation();
        }}
        onPointerDown={(event) => {
          if (event.button !== 0) return;
          drags += 1;
          const [px, py] = props.place(event);
          drag = { gesture: `drag ${drags}`, x: at()[0] - px, y: at()[1] - py };
          event.currentTarget.setPointerCapture(event.pointerId);
          event.currentTarget.focus();
          event.preventDefault();
        }}
        onPointerMove={move}
        onPointerUp={(event) => {
          move(event);
          drag = null;
        }}
        onPointerCancel={() => {
          drag = null;
        }}
      >
        <circle class="hit" cx={x()} cy={y()} r={13} />
        <circle class="ring" cx={x()} cy={y()} r={11} />
        <circle class="knob" cx={x()} cy={y()} r={6} data-of={props.handle.of} />
      </g>
    </>
  );
}

/** For pointers: keys add a corner with Enter. */
function InsertMark(props: HandleProps) {
  const middle = (): readonly [number, number] => {
    const points = pointsOf(props.model.scene(), props.handle.part);
    const [from, to] = [points[props.handle.index], points[(props.handle.index + 1) % points.length]];
    return from === undefined || to === undefined ? [0, 0] : [(from[0] + to[0]) / 2, (from[1] + to[1]) / 2];
  };
  return (
    <g
      class="scene-insert"
      aria-hidden="true"
      onPointerDown={(event) => {
        if (event.button !== 0) return;
        event.preventDefault();
        addCornerAfter(props.model, props.handle);
      }}
    >
      <title>{t('scene.insertHere')}</title>
      <circle class="hit" cx={middle()[0] * props.scale.x} cy={middle()[1] * props.scale.y} r={12} />
      <circle class="dot-mark" cx={middle()[0] * props.scale.x} cy={middle()[1] * props.scale.y} r={4} />
    </g>
  );
}

/** As elements are found by: `corner-2`, `direction-0`. */
const nameInList = ({ of, index }: Handle): string => `${of}-${index}`;

/** Adds a corner after this one and moves the focus to it. */
export function addCornerAfter(model: SceneModel, handle: Handle): void {
  const next = withCornerAfter(model.scene(), handle);
  if (next === model.scene()) return;
  model.edit(next);
  focusHandle({ ...handle, index: handle.index + 1 });
}

/** Removes the point and moves the focus to the one before it, or to the picture. */
export function removePoint(model: SceneModel, handle: Handle): void {
  const next = withoutHandle(model.scene(), handle);
  if (next === model.scene()) return;
  model.edit(next);
  if (handle.part.list === 'zones') focusHandle({ ...handle, of: 'corner', index: Math.max(0, handle.index - 1) });
  else {
    model.select(null);
    document.querySelector<HTMLElement>('.scene-tools button')?.focus();
  }
}

export function focusHandle(handle: Pick<Handle, 'of' | 'index'>): void {
  requestAnimationFrame(() => {
    document.querySelector<SVGGElement>(`[data-handle="${handle.of}-${handle.index}"]`)?.focus();
  });
}

/** Returns false for keys that do nothing here. */
function moveByKey(event: KeyboardEvent, model: SceneModel, handle: Handle): boolean {
  const arrow = ARROW_STEPS[event.key];
  if (arrow !== undefined) {
    const by = event.shiftKey ? 10 : 1;
    model.nudge(handle, arrow[0] * by, arrow[1] * by);
  } else if (event.key === 'Enter') addCornerAfter(model, handle);
  else if (event.key === 'Delete' || event.key === 'Backspace') removePoint(model, handle);
  else return false;
  return true;
}

function handleName(scene: SceneConfig, handle: Handle): string {
  const { part, of, index } = handle;
  const [x, y] = pointOf(scene, handle) ?? [0, 0];
  const name = part.list === 'calibration' ? '' : (scene[part.list][part.index]?.id ?? '');
  if (of === 'direction') {
    return t('scene.handle.arrow', { name, end: index === 0 ? t('scene.handle.start') : t('scene.handle.tip'), x, y });
  }
  const number = part.list === 'calibration' ? part.index + 1 : index + 1;
  return t(`scene.handle.${part.list}`, { name, number, x, y });
}
