/** One camera on the wall: its newest frame with boxes, its risk, its state and its age. */
import { batch, createEffect, createMemo, createSignal, on, onCleanup, onMount, Show } from 'solid-js';
import type { Aggregate } from '../../../../src/messages/aggregate.ts';
import { may } from '../../api/session.ts';
import { type CameraCell, cameraCell } from '../../feed/cameras.ts';
import { now } from '../../feed/feed.ts';
import { language, t } from '../../i18n/index.ts';
import { createLiveVideo } from '../../live/create-live-video.ts';
import { Button } from '../../parts/button.tsx';
import { kindName, leadingIncident } from '../../picture/incidents.ts';
import { Marks } from '../../picture/marks.tsx';
import { levelName, sourceName, summary } from '../../picture/risk.ts';
import { TilePicture } from '../../picture/painter.ts';
import { age, clockTime } from '../../picture/words.ts';
import type { Grid } from './wall-grid.ts';

/** A picture is stale after this time without a new frame, or longer for long intervals. */
const STALE_MS = 10_000;

export interface TileProps {
  readonly cameraId: string;
  /** False: out of sight; nothing is loaded. */
  readonly used: boolean;
  readonly grid: Grid;
  readonly onRemove: (cameraId: string) => void;
  /** The tile had the focus, and its camera is out of sight now. */
  readonly onLost: () => void;
}

/** The frame that a tile shows, and whether its picture is there. */
interface Shown {
  readonly aggregate: Aggregate;
  readonly pictured: boolean;
}

export function Tile(props: TileProps) {
  const cell = createMemo(() => cameraCell(props.cameraId));
  const [shown, setShown] = createSignal<Shown | null>(null);
  const [live, setLive] = createSignal(false);
  const [liveEnded, setLiveEnded] = createSignal('');
  let article: HTMLElement | undefined;
  // A tile that scrolls out of sight is used again for another camera: making one costs more than a frame may take.
  createEffect(
    on(
      () => props.cameraId,
      () => {
        batch(() => {
          setShown(null);
          setLive(false);
          setLiveEnded('');
        });
      },
      { defer: true },
    ),
  );
  createEffect(
    on(
      () => [props.cameraId, props.used],
      () => {
        if (article?.contains(document.activeElement) === true) props.onLost();
      },
      { defer: true },
    ),
  );
  const name = (): string => cell().view()?.name ?? props.cameraId;
  const staleMs = createMemo(() => staleFor(cell(), now()));
  const level = (): string => shown()?.aggregate.riskAssessment.maxRiskLevel ?? 'waiting';
  return (
    <article
      ref={article}
      class="tile"
      classList={{ stale: staleMs() !== null, live: live() }}
      data-camera={props.cameraId}
      data-level={level()}
      data-incident={openIncident(shown()) === null ? undefined : 'true'}
    >
      <header>
        <State cell={cell()} note={liveEnded()} name={name()} cameraId={props.cameraId} />
        <Button
          class="small"
          aria-pressed={live()}
          aria-label={t('wall.liveOf', { name: name() })}
          onClick={() => {
            setLiveEnded('');
            setLive(!live());
          }}
        >
          {t('wall.live')}
        </Button>
        <Show when={may('admin')}>
          <Button
            class="small"
            look="quiet"
            aria-label={t('wall.removeOf', { name: name() })}
            onClick={() => props.onRemove(props.cameraId)}
          >
            ✕
          </Button>
        </Show>
      </header>
      <Picture cell={cell()} used={props.used} grid={props.grid} name={name()} shown={shown()} onShown={setShown} />
      <Show when={live()}>
        <Live
          cameraId={props.cameraId}
          height={props.grid.pictureHeight}
          onEnd={(reason) => {
            setLive(false);
            setLiveEnded(reason === '' ? t('wall.liveNone') : reason);
          }}
        />
      </Show>
      <Risk shown={shown()} />
      <Age cell={cell()} staleMs={staleMs()} />
    </article>
  );
}

/** Age of the newest frame where it is too old, in whole seconds as ms; null where it is not. */
function staleFor(cell: CameraCell, at: number): number | null {
  const newest = cell.frame();
  if (newest === null) return null;
  const limit = Math.max(STALE_MS, 2_500 * (cell.view()?.intervalSeconds ?? 0));
  const old = at - Date.parse(newest.timestamp);
  return old > limit ? Math.floor(old / 1000) * 1000 : null;
}

/** The open incident that counts most, where it is more than low. */
function openIncident(shown: Shown | null) {
  if (shown === null) return null;
  const open = shown.aggregate.incidents.filter(
    ({ state, verdict }) => state === 'open' && (verdict.level === 'high' || verdict.level === 'medium'),
  );
  return open.length === 0 ? null : leadingIncident({ incidents: open });
}

function State(props: { cell: CameraCell; note: string; name: string; cameraId: string }) {
  const status = () => props.cell.status();
  const state = () => status()?.state ?? 'connecting';
  return (
    <>
      <span
        class="dot"
        role="img"
        data-state={state()}
        aria-label={t(`wall.state.${state()}`)}
        title={`${t(`wall.state.${state()}`)}: ${status()?.message ?? ''}`}
      />
      <h3>
        <a href={`#/cameras/${encodeURIComponent(props.cameraId)}`} title={`${props.cameraId} · ${urlOf(props.cell)}`}>
          {props.name}
        </a>
      </h3>
      {/* For a camera that is online, the dot is enough. */}
      <span class="state muted" title={status()?.message}>
        {props.note !== '' ? props.note : state() === 'online' ? '' : t(`wall.state.${state()}`)}
      </span>
    </>
  );
}

const urlOf = (cell: CameraCell): string => cell.view()?.url ?? '';

function Picture(props: {
  cell: CameraCell;
  used: boolean;
  grid: Grid;
  name: string;
  shown: Shown | null;
  onShown: (shown: Shown) => void;
}) {
  let canvas: HTMLCanvasElement | undefined;
  onMount(() => {
    if (canvas === undefined) return;
    const picture = new TilePicture(canvas, (aggregate, pictured) => props.onShown({ aggregate, pictured }));
    createEffect(() => picture.resize(props.grid.tileWidth - 2, props.grid.pictureHeight));
    let before = props.cell;
    createEffect(() => {
      const { cell, used } = props;
      if (cell !== before) picture.clear();
      before = cell;
      const frame = used ? cell.frame() : null;
      if (frame !== null) picture.show(frame);
    });
    createEffect(on(language, () => picture.repaint(), { defer: true }));
    onCleanup(() => picture.close());
  });
  const label = (): string => {
    const { shown, name } = props;
    if (shown === null || !shown.pictured) return t('wall.noPictureOf', { name });
    const { timestamp, detectedObjects } = shown.aggregate;
    const objects = objectsText(detectedObjects.length);
    return t('wall.pictureOf', { name, time: clockTime(timestamp), objects, text: summary(shown.aggregate) });
  };
  const veil = (): string => {
    if (props.shown !== null) return t('wall.gone');
    const status = props.cell.status();
    return status === null || status.state === 'online' ? t('wall.waiting') : status.message || status.state;
  };
  return (
    <div
      class="picture"
      data-request={props.shown?.aggregate.requestId}
      data-pictured={props.shown?.pictured}
      style={{ height: `${props.grid.pictureHeight}px` }}
    >
      <canvas ref={canvas} role="img" aria-label={label()} />
      <Show when={props.shown?.pictured !== true}>
        <p class="veil">{veil()}</p>
      </Show>
      <IncidentMark shown={props.shown} />
    </div>
  );
}

/** Icon, words and a pulsing frame for an open incident: not by colour alone. */
function IncidentMark(props: { shown: Shown | null }) {
  const incident = () => openIncident(props.shown);
  const more = (): number => (props.shown?.aggregate.incidents.filter(({ state }) => state === 'open').length ?? 0) - 1;
  return (
    <Show when={incident()}>
      {(leading) => (
        <p class="incident" data-level={leading().verdict.level}>
          <span aria-hidden="true">⚠ </span>
          <span class="hidden">{t('wall.incident', { kind: '' })}</span>
          {kindName(leading())}
          <Show when={more() > 0}> {t('wall.moreIncidents', { count: more() })}</Show>
        </p>
      )}
    </Show>
  );
}

function Live(props: { cameraId: string; height: number; onEnd: (reason: string) => void }) {
  let holder: HTMLDivElement | undefined;
  const shown = createLiveVideo(
    props.cameraId,
    () => holder,
    (reason) => props.onEnd(reason),
  );
  return (
    <div class="live-video" ref={holder} style={{ height: `${props.height}px` }}>
      <p class="live-note">{shown() ? t('wall.liveShown') : t('wall.liveStarting')}</p>
    </div>
  );
}

function Risk(props: { shown: Shown | null }) {
  const aggregate = () => props.shown?.aggregate;
  const level = () => aggregate()?.riskAssessment.maxRiskLevel;
  const text = createMemo(() => {
    const frame = aggregate();
    return frame === undefined ? '' : summary(frame);
  });
  const source = (): string => {
    const frame = aggregate();
    return frame === undefined ? '' : sourceName(frame);
  };
  const badge = (): string => {
    const known = level();
    return known === undefined ? '–' : levelName(known);
  };
  return (
    <div class="risk">
      <p class="risk-head">
        <span class="badge" data-level={level() ?? 'waiting'}>
          {badge()}
        </span>
        <Marks aggregate={aggregate()} />
        <span class="source muted">{source()}</span>
      </p>
      <p class="text" title={text()}>
        {text()}
      </p>
    </div>
  );
}

function Age(props: { cell: CameraCell; staleMs: number | null }) {
  const text = createMemo(() => {
    const newest = props.cell.frame();
    if (newest === null) return '';
    if (props.staleMs !== null) return t('wall.stale', { age: age(props.staleMs) });
    const at = Date.parse(newest.timestamp);
    const latency = ((Date.parse(newest.publishedAt) - at) / 1000).toFixed(2);
    return t('wall.fresh', { age: age(now() - at), latency });
  });
  const figures = (): string => {
    const newest = props.cell.frame();
    if (newest === null) return '';
    const fps = (props.cell.view()?.figures.framesPerSecond ?? 0).toFixed(2);
    return `${objectsText(newest.detectedObjects.length)} · ${t('wall.fps', { fps })}`;
  };
  return (
    <p class="meta muted">
      <span>{text()}</span>
      <span>{figures()}</span>
    </p>
  );
}

const objectsText = (count: number): string => (count === 1 ? t('wall.oneObject') : t('wall.objects', { count }));
