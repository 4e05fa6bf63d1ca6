/** The picture with the scene over it: parts are selected, points are moved, new parts are drawn. */
import { createEffect, createMemo, createSignal, For, on, onCleanup, onMount, Show } from 'solid-js';
import { t } from '../../i18n/index.ts';
import type { Part } from './scene-edits.ts';
import { handlesOf, hasDirection, pointsOf } from './scene-parts.ts';
import { SceneHandle } from './scene-handle.tsx';
import { ARROW_STEPS } from './arrow-keys.ts';
import type { SceneModel } from './scene-model.ts';
import { metreGrid } from './scene-grid.ts';
import type { StageScale } from './stage-scale.ts';

/** CSS px within which a place counts as that of a corner. */
const NEAR = 9;
/** CSS px between the figures of two lines of the grid, at least. */
const LABEL_PX = 24;

export interface StageProps {
  readonly model: SceneModel;
  /** Null: there is no picture. */
  readonly picture: { readonly url: string; readonly width: number; readonly height: number } | null;
  readonly name: string;
  readonly zoom: number;
  readonly grid: boolean;
  readonly readOnly: boolean;
}

export function SceneStage(props: StageProps) {
  let sheet: HTMLDivElement | undefined;
  let marks: SVGSVGElement | undefined;
  const [size, setSize] = createSignal({ width: 640, height: 360 });
  const scale = createMemo((): StageScale => {
    const { width, height } = props.model.scene();
    return { x: size().width / Math.max(1, width), y: size().height / Math.max(1, height) };
  });
  onMount(() => {
    if (sheet === undefined) return;
    const observer = new ResizeObserver(([entry]) => {
      const { width = 0, height = 0 } = entry?.contentRect ?? {};
      if (width > 0 && height > 0) setSize({ width, height });
    });
    observer.observe(sheet);
    onCleanup(() => observer.disconnect());
  });
  const drawing = () => props.model.drawing;
  const isDrawing = (): boolean => drawing().tool() !== 'select';
  // Keys draw as soon as a tool is chosen.
  createEffect(on(drawing().tool, (tool) => tool !== 'select' && marks?.focus(), { defer: true }));
  const place = (event: PointerEvent): [number, number] => {
    const box = marks?.getBoundingClientRect() ?? { left: 0, top: 0 };
    return [(event.clientX - box.left) / scale().x, (event.clientY - box.top) / scale().y];
  };
  const ratio = (): string => {
    const { width, height } = props.picture ?? props.model.scene();
    return width >= 1 && height >= 1 ? `${width} / ${height}` : '16 / 9';
  };
  return (
    <div class="scene-stage" tabindex={props.zoom > 1 ? 0 : undefined} aria-label={t('scene.stage')} role="group">
      <div
        class="scene-sheet"
        ref={sheet}
        style={{ width: `${Math.round(props.zoom * 100)}%`, 'aspect-ratio': ratio() }}
      >
        <Show when={props.picture} fallback={<p class="empty">{t('scene.noPicture')}</p>}>
          {(picture) => <img src={picture().url} alt={t('scene.picture', { name: props.name })} draggable={false} />}
        </Show>
        <svg
          ref={marks}
          class="scene-marks"
          classList={{ drawing: isDrawing() }}
          width={size().width}
          height={size().height}
          role={isDrawing() ? 'application' : 'group'}
          aria-label={isDrawing() ? drawingText(props.model) : t('scene.stage')}
          tabindex={isDrawing() ? 0 : -1}
          onPointerMove={(event) => {
            if (isDrawing()) drawing().moveTo(place(event));
          }}
          onClick={(event) => {
            if (!isDrawing() && event.target === event.currentTarget) props.model.select(null);
          }}
          onPointerDown={(event) => {
            if (!isDrawing() || event.button !== 0) return;
            drawing().moveTo(place(event));
            drawing().put(NEAR / scale().x);
          }}
          onKeyDown={(event) => {
            if (isDrawing() && event.target === event.currentTarget && drawByKey(event, props.model, scale())) {
              event.preventDefault();
              event.stopPropagation();
            }
          }}
        >
          <Show when={props.grid}>
            <Grid model={props.model} scale={scale()} />
          </Show>
          <Shapes model={props.model} scale={scale()} />
          <Show when={!isDrawing() && !props.readOnly ? props.model.selected() : null} keyed>
            {(part) => <Handles model={props.model} part={part} scale={scale()} place={place} />}
          </Show>
          <Show when={isDrawing()}>
            <Pending model={props.model} scale={scale()} />
          </Show>
        </svg>
      </div>
    </div>
  );
}

/** Instructions for the tool in use; empty for none. */
export function drawingText({ drawing }: SceneModel): string {
  const tool = drawing.tool();
  return tool === 'select' ? '' : t(`scene.drawing.${tool}`, { count: drawing.points().length });
}

/** Returns false for keys that do nothing here. */
function drawByKey(event: KeyboardEvent, { drawing }: SceneModel, scale: StageScale): boolean {
  const arrow = ARROW_STEPS[event.key];
  if (arrow !== undefined) {
    const by = event.shiftKey ? 10 : 1;
    const [x, y] = drawing.cursor();
    drawing.moveTo([x + arrow[0] * by, y + arrow[1] * by]);
  } else if (event.key === 'Enter') drawing.put(Math.min(1, NEAR / scale.x));
  else if (event.key === 'Delete' || event.key === 'Backspace') drawing.removeLast();
  else if (event.key === 'Escape') drawing.cancel();
  else return false;
  return true;
}

const svgPoints = (points: readonly (readonly [number, number])[], { x, y }: StageScale): string =>
  points.map((point) => `${point[0] * x},${point[1] * y}`).join(' ');

interface LayerProps {
  readonly model: SceneModel;
  readonly scale: StageScale;
}

function Grid(props: LayerProps) {
  const grid = createMemo(() => {
    const { plane } = props.model.checked();
    return plane === null ? null : metreGrid(plane, props.model.scene().calibration ?? []);
  });
  /** The lines whose figures have room. */
  const named = createMemo(() => {
    const found = new Set<string>();
    let last = { x: -Infinity, y: -Infinity };
    for (const { axis, metres, from } of grid()?.lines ?? []) {
      const here = { x: from[0] * props.scale.x, y: from[1] * props.scale.y };
      if (Math.hypot(here.x - last.x, here.y - last.y) < LABEL_PX) continue;
      found.add(`${axis} ${metres}`);
      last = here;
    }
    return found;
  });
  return (
    <Show when={grid()}>
      {(shown) => (
        <g class="scene-grid" aria-hidden="true" data-step={shown().step}>
          <For each={shown().lines}>
            {({ from, to, axis, metres }) => (
              <>
                <line
                  x1={from[0] * props.scale.x}
                  y1={from[1] * props.scale.y}
                  x2={to[0] * props.scale.x}
                  y2={to[1] * props.scale.y}
                  data-zero={metres === 0}
                />
                <Show when={named().has(`${axis} ${metres}`)}>
                  <text x={from[0] * props.scale.x + 2} y={from[1] * props.scale.y - 2}>
                    {metres}
                  </text>
                </Show>
              </>
            )}
          </For>
        </g>
      )}
    </Show>
  );
}

function Shapes(props: LayerProps) {
  const scene = () => props.model.scene();
  const isSelected = (list: Part['list'], index: number): boolean => {
    const part = props.model.selected();
    return part?.list === list && part.index === index;
  };
  const select = (list: Part['list'], index: number) => () => {
    if (props.model.drawing.tool() === 'select') props.model.select({ list, index });
  };
  const label = (points: readonly (readonly [number, number])[], text: string) => (
    <text
      class="scene-name"
      x={((points[0]?.[0] ?? 0) + 4) * props.scale.x}
      y={(points[0]?.[1] ?? 0) * props.scale.y - 6}
      aria-hidden="true"
    >
      {text}
    </text>
  );
  return (
    <>
      <For each={scene().zones}>
        {(zone, index) => (
          <g
            class="scene-zone"
            data-kind={zone.kind}
            data-selected={isSelected('zones', index())}
            onClick={select('zones', index())}
          >
            <polygon points={svgPoints(zone.polygon, props.scale)} />
            <Show when={zone.direction}>
              {(direction) => <Arrow points={direction()} scale={props.scale} faint={!hasDirection(zone.kind)} />}
            </Show>
            {label(zone.polygon, zone.id)}
          </g>
        )}
      </For>
      <For each={scene().lines}>
        {(line, index) => (
          <g class="scene-line" data-selected={isSelected('lines', index())} onClick={select('lines', index())}>
            <polyline class="hit" points={svgPoints(line.points, props.scale)} />
            <polyline points={svgPoints(line.points, props.scale)} />
            {label(line.points, line.id)}
          </g>
        )}
      </For>
      <For each={scene().calibration ?? []}>
        {({ image }, index) => (
          <g
            class="scene-pair"
            data-selected={isSelected('calibration', index())}
            onClick={select('calibration', index())}
          >
            <circle cx={image[0] * props.scale.x} cy={image[1] * props.scale.y} r={12} class="hit" />
            <path d={cross(image, props.scale, 7)} />
            {label([image], String(index() + 1))}
          </g>
        )}
      </For>
    </>
  );
}

const cross = ([px, py]: readonly [number, number], { x, y }: StageScale, size: number): string =>
  `M${px * x - size},${py * y}h${2 * size}M${px * x},${py * y - size}v${2 * size}`;

/** A line with a tip at its second point. */
function Arrow(props: {
  points: readonly [readonly [number, number], readonly [number, number]];
  scale: StageScale;
  faint: boolean;
}) {
  const path = (): string => {
    const [from, to] = props.points.map(([x, y]) => [x * props.scale.x, y * props.scale.y] as const);
    if (from === undefined || to === undefined) return '';
    const turn = Math.atan2(to[1] - from[1], to[0] - from[0]);
    const barb = (by: number): string => `L${to[0] - 12 * Math.cos(turn + by)},${to[1] - 12 * Math.sin(turn + by)}`;
    return `M${from[0]},${from[1]}L${to[0]},${to[1]}${barb(0.5)}M${to[0]},${to[1]}${barb(-0.5)}`;
  };
  return <path class="scene-arrow" d={path()} data-faint={props.faint} />;
}

function Handles(props: LayerProps & { part: Part; place: (event: PointerEvent) => [number, number] }) {
  // The same count of points keeps the elements, and with them the focus, while a point moves.
  const count = createMemo(() => handlesOf(props.model.scene(), props.part).length);
  const handles = createMemo(on(count, () => handlesOf(props.model.scene(), props.part)));
  return (
    <g class="scene-handles" data-count={pointsOf(props.model.scene(), props.part).length}>
      <For each={handles()}>
        {(handle) => <SceneHandle model={props.model} handle={handle} scale={props.scale} place={props.place} />}
      </For>
    </g>
  );
}

function Pending(props: LayerProps) {
  const { drawing } = props.model;
  return (
    <g class="scene-pending" aria-hidden="true">
      <polyline points={svgPoints([...drawing.points(), drawing.cursor()], props.scale)} />
      <For each={drawing.points()}>{([x, y]) => <circle cx={x * props.scale.x} cy={y * props.scale.y} r={5} />}</For>
      <path class="scene-cross" d={cross(drawing.cursor(), props.scale, 12)} />
    </g>
  );
}
