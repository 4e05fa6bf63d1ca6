/** The newest analysed picture, with boxes, tracks, zones and lines over it. */
import { createEffect, createMemo, createSignal, For, on, onCleanup, onMount, Show } from 'solid-js';
import type { Aggregate } from '../../../../src/messages/aggregate.ts';
import type { SceneConfig } from '../../../../src/messages/scene.ts';
import type { CameraCell } from '../../feed/cameras.ts';
import { language, t } from '../../i18n/index.ts';
import { marksOf } from '../../picture/overlay.ts';
import { TilePicture } from '../../picture/painter.ts';
import { summary } from '../../picture/risk.ts';
import { clockTime } from '../../picture/words.ts';
import type { CameraChoice } from './camera-choice.ts';
import { type TrailPoint, Trails } from './trails.ts';

export interface AnalysedPictureProps {
  readonly cell: CameraCell;
  readonly name: string;
  readonly layers: CameraChoice['layers'];
  /** Null: none, or not known yet. */
  readonly scene: SceneConfig | null;
}

interface Shown {
  readonly aggregate: Aggregate;
  readonly pictured: boolean;
  readonly trails: readonly (readonly [number, readonly TrailPoint[]])[];
}

export function AnalysedPicture(props: AnalysedPictureProps) {
  let frame: HTMLDivElement | undefined;
  let canvas: HTMLCanvasElement | undefined;
  const trails = new Trails();
  const [shown, setShown] = createSignal<Shown | null>(null);
  onMount(() => {
    if (canvas === undefined || frame === undefined) return;
    const picture = new TilePicture(
      canvas,
      (aggregate, pictured) => {
        trails.add(aggregate);
        setShown({ aggregate, pictured, trails: [...trails.all] });
      },
      (aggregate, width) => {
        const { objects, groups, events } = props.layers;
        return marksOf(aggregate, width, { objects, groups, incidents: events });
      },
    );
    const observer = new ResizeObserver(([entry]) => {
      const { width = 0, height = 0 } = entry?.contentRect ?? {};
      picture.resize(Math.round(width), Math.round(height));
    });
    observer.observe(frame);
    createEffect(() => {
      const newest = props.cell.frame();
      if (newest !== null) picture.show(newest);
    });
    createEffect(on([language, () => props.layers], () => picture.repaint(), { defer: true }));
    onCleanup(() => {
      observer.disconnect();
      picture.close();
    });
  });
  const ratio = (): string => {
    const aggregate = shown()?.aggregate;
    return aggregate === undefined ? '16 / 9' : `${aggregate.imageWidth} / ${aggregate.imageHeight}`;
  };
  const label = (): string => {
    const now = shown();
    if (now === null || !now.pictured) return t('wall.noPictureOf', { name: props.name });
    const { timestamp, detectedObjects } = now.aggregate;
    const count = detectedObjects.length;
    const objects = count === 1 ? t('wall.oneObject') : t('wall.objects', { count });
    return t('wall.pictureOf', { name: props.name, time: clockTime(timestamp), objects, text: summary(now.aggregate) });
  };
  return (
    <div
      class="camera-picture"
      ref={frame}
      data-request={shown()?.aggregate.requestId}
      style={{ 'aspect-ratio': ratio() }}
    >
      <canvas ref={canvas} role="img" aria-label={label()} />
      <Show when={shown()}>
        {(now) => (
          <svg
            class="camera-layers"
            viewBox={`0 0 ${now().aggregate.imageWidth} ${now().aggregate.imageHeight}`}
            aria-hidden="true"
          >
            <Show when={props.layers.scene ? props.scene : null}>
              {(scene) => <SceneLayer scene={scene()} aggregate={now().aggregate} />}
            </Show>
            <Show when={props.layers.tracks}>
              <TracksLayer trails={now().trails} aggregate={now().aggregate} />
            </Show>
          </svg>
        )}
      </Show>
      <Show when={shown()?.pictured !== true}>
        <p class="camera-veil">{shown() === null ? t('wall.waiting') : t('wall.gone')}</p>
      </Show>
    </div>
  );
}

const points = (some: readonly (readonly [number, number])[]): string => some.map(([x, y]) => `${x},${y}`).join(' ');

/** Zones and lines, from px of the scene's picture to px of the frame. */
function SceneLayer(props: { scene: SceneConfig; aggregate: Aggregate }) {
  const to = ([x, y]: readonly [number, number]): [number, number] => [
    (x * props.aggregate.imageWidth) / props.scene.width,
    (y * props.aggregate.imageHeight) / props.scene.height,
  ];
  const size = (): number => props.aggregate.imageWidth / 60;
  return (
    <g class="layer-scene">
      <For each={props.scene.zones}>
        {(zone) => (
          <>
            <polygon points={points(zone.polygon.map(to))} data-kind={zone.kind} />
            <text x={to(zone.polygon[0] ?? [0, 0])[0]} y={to(zone.polygon[0] ?? [0, 0])[1]} font-size={String(size())}>
              {zone.id}
            </text>
          </>
        )}
      </For>
      <For each={props.scene.lines}>
        {(line) => (
          <>
            <polyline points={points(line.points.map(to))} />
            <text x={to(line.points[0])[0]} y={to(line.points[0])[1]} font-size={String(size())}>
              {line.id}
            </text>
          </>
        )}
      </For>
    </g>
  );
}

/** Ways of the road users: those that are seen now, and fainter those that left. */
function TracksLayer(props: Pick<Shown, 'trails' | 'aggregate'>) {
  const seen = createMemo(() => new Set(props.aggregate.detectedObjects.map(({ trackId }) => trackId)));
  return (
    <g class="layer-tracks">
      <For each={props.trails}>
        {([trackId, trail]) => (
          <polyline
            data-track={trackId}
            data-seen={seen().has(trackId)}
            points={points(trail.map(({ x, y }) => [x, y] as const))}
          />
        )}
      </For>
    </g>
  );
}
