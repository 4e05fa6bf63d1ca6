/** The ways of an incident's road users from above, to scale, with a grid in metres. */
import { createEffect, createMemo, createSignal, For, on, Show } from 'solid-js';
import type { Aggregate } from '../../../../src/messages/aggregate.ts';
import type { Incident } from '../../../../src/messages/incident.ts';
import { t } from '../../i18n/index.ts';
import { Slider } from '../../parts/slider.tsx';
import { figure } from '../../picture/words.ts';
import {
  gridLines,
  markStep,
  metresBetween,
  type Place,
  placeAt,
  type Plan,
  planOf,
  type PlanPath,
} from './plan-geometry.ts';
import { trackName } from './road-users.ts';

/** Units of the drawing; the plan is fitted into them. */
const WIDTH = 480;
const LEAST_HEIGHT = 140;
const MOST_HEIGHT = 460;
const MARGIN = 30;
const SLIDER_STEP_S = 0.1;

export function PlanView(props: { alert: Aggregate; incident: Incident }) {
  const plan = createMemo(() => planOf(props.incident.trajectories ?? []));
  return (
    <section class="plan">
      <h4>{t('alerts.plan.title')}</h4>
      <Show when={!props.incident.calibrated}>
        <p class="plan-estimated">⚠ {estimateText(props.incident)}</p>
      </Show>
      <Show when={plan()} fallback={<p class="muted">{t('alerts.plan.none')}</p>}>
        {(found) => <Drawn plan={found()} alert={props.alert} />}
      </Show>
    </section>
  );
}

const estimateText = ({ scaleError }: Incident): string =>
  scaleError === undefined
    ? t('alerts.plan.uncalibrated')
    : t('alerts.plan.uncalibratedError', { error: Math.round(scaleError * 100) });

const nearestText = ({ nearest }: Plan): string =>
  nearest === null
    ? ''
    : t('alerts.plan.nearest', { metres: figure(nearest.metres, 1), seconds: figure(nearest.at, 1) });

function Drawn(props: { plan: Plan; alert: Aggregate }) {
  const [moment, setMoment] = createSignal(0);
  createEffect(
    on(
      () => props.plan,
      ({ nearest, to }) => setMoment(nearest?.at ?? to),
    ),
  );
  const names = (): string[] => props.plan.paths.map(({ trackId }) => trackName(props.alert, trackId));
  const distance = (): string => {
    const [a, b] = props.plan.paths;
    if (a === undefined || b === undefined) return '';
    const [placeA, placeB] = [placeAt(a, moment()), placeAt(b, moment())];
    return placeA === null || placeB === null
      ? t('alerts.plan.apart')
      : t('alerts.plan.distance', { metres: figure(metresBetween(placeA, placeB), 1) });
  };
  return (
    <>
      <Drawing plan={props.plan} names={names()} moment={moment()} />
      <ul class="plan-legend">
        <For each={names()}>
          {(name, index) => (
            <li data-path={index()}>
              <span class="plan-key" aria-hidden="true" /> {name}
            </li>
          )}
        </For>
        <li class="muted">{t('alerts.plan.grid', { step: props.plan.step })}</li>
      </ul>
      <p>{nearestText(props.plan)}</p>
      <Show when={props.plan.to > props.plan.from}>
        <Slider
          label={t('alerts.plan.moment')}
          min={props.plan.from}
          max={props.plan.to}
          step={SLIDER_STEP_S}
          value={moment()}
          onChange={setMoment}
          valueText={(value) => t('alerts.plan.seconds', { seconds: figure(value, 1) })}
        />
      </Show>
      <p class="muted">{distance()}</p>
      <Positions plan={props.plan} names={names()} />
    </>
  );
}

/** Metres to units of the drawing. */
interface Scale {
  readonly height: number;
  readonly x: (metres: number) => number;
  readonly y: (metres: number) => number;
}

function scaleOf({ area }: Plan): Scale {
  const [across, along] = [area.right - area.left, area.top - area.bottom];
  const unit = Math.min((WIDTH - 2 * MARGIN) / across, (MOST_HEIGHT - 2 * MARGIN) / along);
  const height = Math.max(LEAST_HEIGHT, along * unit + 2 * MARGIN);
  const [left, bottom] = [(WIDTH - across * unit) / 2, (height + along * unit) / 2];
  return { height, x: (x) => left + (x - area.left) * unit, y: (y) => bottom - (y - area.bottom) * unit };
}

function Drawing(props: { plan: Plan; names: readonly string[]; moment: number }) {
  const scale = createMemo(() => scaleOf(props.plan));
  const label = (): string =>
    t('alerts.plan.label', { paths: props.names.join(', '), nearest: nearestText(props.plan) });
  return (
    <svg class="plan-drawing" viewBox={`0 0 ${WIDTH} ${scale().height}`} role="img" aria-label={label()}>
      <Grid plan={props.plan} scale={scale()} />
      <For each={props.plan.paths}>{(path, index) => <Way path={path} index={index()} scale={scale()} />}</For>
      <Show when={props.plan.nearest}>
        {(nearest) => (
          <g class="plan-nearest">
            <line
              x1={scale().x(nearest().a.x)}
              y1={scale().y(nearest().a.y)}
              x2={scale().x(nearest().b.x)}
              y2={scale().y(nearest().b.y)}
            />
            <text
              x={(scale().x(nearest().a.x) + scale().x(nearest().b.x)) / 2 + 8}
              y={(scale().y(nearest().a.y) + scale().y(nearest().b.y)) / 2 - 6}
            >
              {t('alerts.plan.nearestShort', { metres: figure(nearest().metres, 1) })}
            </text>
          </g>
        )}
      </Show>
      <For each={props.plan.paths}>
        {(path, index) => (
          <Show when={placeAt(path, props.moment)}>
            {(place) => <Now place={place()} index={index()} scale={scale()} />}
          </Show>
        )}
      </For>
    </svg>
  );
}

const Grid = (props: { plan: Plan; scale: Scale }) => (
  <g class="plan-grid">
    <For each={gridLines(props.plan.area.left, props.plan.area.right, props.plan.step)}>
      {(metres) => (
        <>
          <line
            x1={props.scale.x(metres)}
            x2={props.scale.x(metres)}
            y1={props.scale.y(props.plan.area.bottom)}
            y2={props.scale.y(props.plan.area.top)}
          />
          <text x={props.scale.x(metres)} y={props.scale.y(props.plan.area.bottom) + 16} text-anchor="middle">
            {metres}
          </text>
        </>
      )}
    </For>
    <For each={gridLines(props.plan.area.bottom, props.plan.area.top, props.plan.step)}>
      {(metres) => (
        <>
          <line
            x1={props.scale.x(props.plan.area.left)}
            x2={props.scale.x(props.plan.area.right)}
            y1={props.scale.y(metres)}
            y2={props.scale.y(metres)}
          />
          <text x={props.scale.x(props.plan.area.left) - 6} y={props.scale.y(metres) + 4} text-anchor="end">
            {metres}
          </text>
        </>
      )}
    </For>
  </g>
);

/** A way with a mark at each whole second; circles for the first road user, squares for the second. */
function Way(props: { path: PlanPath; index: number; scale: Scale }) {
  const line = (): string =>
    props.path.points.map(([, x, y]) => `${props.scale.x(x).toFixed(1)},${props.scale.y(y).toFixed(1)}`).join(' ');
  const marks = (): { readonly seconds: number; readonly place: Place }[] => {
    const [first, last] = [props.path.points[0]?.[0] ?? 0, props.path.points.at(-1)?.[0] ?? 0];
    const step = markStep(last - first);
    const start = Math.ceil(first / step) * step;
    return Array.from({ length: Math.max(0, Math.floor((last - start) / step) + 1) }, (_, each) => {
      const seconds = start + each * step;
      const place = placeAt(props.path, seconds);
      return place === null ? [] : [{ seconds, place }];
    }).flat();
  };
  return (
    <g class="plan-way" data-path={props.index}>
      <polyline points={line()} />
      <For each={marks()}>
        {({ seconds, place }) => (
          <>
            <Mark place={place} index={props.index} scale={props.scale} size={3} />
            <text x={props.scale.x(place.x) + 6} y={props.scale.y(place.y) + (props.index === 0 ? -5 : 13)}>
              {t('alerts.plan.seconds', { seconds })}
            </text>
          </>
        )}
      </For>
    </g>
  );
}

const Now = (props: { place: Place; index: number; scale: Scale }) => (
  <g class="plan-now" data-path={props.index}>
    <Mark place={props.place} index={props.index} scale={props.scale} size={8} />
  </g>
);

const Mark = (props: { place: Place; index: number; scale: Scale; size: number }) => (
  <Show
    when={props.index === 0}
    fallback={
      <rect
        x={props.scale.x(props.place.x) - props.size}
        y={props.scale.y(props.place.y) - props.size}
        width={props.size * 2}
        height={props.size * 2}
      />
    }
  >
    <circle cx={props.scale.x(props.place.x)} cy={props.scale.y(props.place.y)} r={props.size} />
  </Show>
);

/** The same as numbers, at the times of the first road user and the second. */
function Positions(props: { plan: Plan; names: readonly string[] }) {
  const times = (): number[] =>
    [...new Set(props.plan.paths.flatMap(({ points }) => points.map(([s]) => s)))].toSorted((a, b) => a - b);
  const text = (place: Place | null): string => (place === null ? '–' : `${figure(place.x, 1)}, ${figure(place.y, 1)}`);
  return (
    <details>
      <summary>{t('alerts.plan.positions')}</summary>
      <div class="plot-table" tabindex="0" role="group" aria-label={t('alerts.plan.positions')}>
        <table>
          <thead>
            <tr>
              <th scope="col">{t('alerts.plan.time')}</th>
              <For each={props.names}>{(name) => <th scope="col">{t('alerts.plan.of', { name })}</th>}</For>
            </tr>
          </thead>
          <tbody>
            <For each={times()}>
              {(seconds) => (
                <tr>
                  <th scope="row">{figure(seconds, 1)}</th>
                  <For each={props.plan.paths}>{(path) => <td>{text(placeAt(path, seconds))}</td>}</For>
                </tr>
              )}
            </For>
          </tbody>
        </table>
      </div>
    </details>
  );
}
