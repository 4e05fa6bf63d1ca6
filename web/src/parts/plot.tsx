/** A plot over time. */
import { createEffect, createSignal, For, on, onCleanup, onMount, Show } from 'solid-js';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { language, t } from '../i18n/index.ts';
import { preferences } from '../app/preferences.ts';
import { dayTime, figure } from '../picture/words.ts';

export interface Series {
  readonly name: string;
  /** One per time; null: no value. */
  readonly values: readonly (number | null)[];
  /** Name of a colour of the theme, e.g. `--accent`. */
  readonly colour: string;
  readonly kind?: 'line' | 'bars';
  /** A line without points, e.g. a limit. */
  readonly dashed?: boolean;
}

export interface PlotProps {
  readonly label: string;
  /** Seconds since the epoch, rising. */
  readonly times: readonly number[];
  readonly series: readonly Series[];
  /** Px; default 220. */
  readonly height?: number;
  readonly unit?: string;
}

/** Rows of the text alternative. */
const MOST_ROWS = 300;

/** Drawn by uPlot in the colours of the theme, with the numbers as a table for whoever does not see it. */
export function Plot(props: PlotProps) {
  let holder: HTMLDivElement | undefined;
  let plot: uPlot | null = null;
  const [dark, setDark] = createSignal(isDark());
  const scheme = matchMedia('(prefers-color-scheme: dark)');
  const onScheme = (): void => {
    setDark(isDark());
  };

  const draw = (): void => {
    plot?.destroy();
    if (holder === undefined) return;
    plot = new uPlot(optionsFor(props, holder.clientWidth), dataOf(props), holder);
  };
  onMount(() => {
    const observer = new ResizeObserver(([entry]) => {
      const width = Math.floor(entry?.contentRect.width ?? 0);
      if (plot !== null && width > 0 && width !== plot.width) plot.setSize({ width, height: props.height ?? 220 });
    });
    if (holder !== undefined) observer.observe(holder);
    scheme.addEventListener('change', onScheme);
    onCleanup(() => {
      observer.disconnect();
      scheme.removeEventListener('change', onScheme);
      plot?.destroy();
      plot = null;
    });
    const shape = (): string =>
      JSON.stringify(props.series.map(({ name, colour, kind, dashed }) => [name, colour, kind, dashed]));
    createEffect(on([shape, language, dark, () => preferences().theme], draw));
    createEffect(on([() => props.times, () => props.series], () => plot?.setData(dataOf(props)), { defer: true }));
  });

  return (
    <figure class="plot" aria-label={props.label}>
      <div ref={holder} class="plot-canvas" aria-hidden="true" />
      <details>
        <summary>{t('shell.plot.table')}</summary>
        <div class="plot-table" tabindex="0">
          <table>
            <thead>
              <tr>
                <th scope="col">{t('shell.plot.time')}</th>
                <For each={props.series}>{({ name }) => <th scope="col">{name}</th>}</For>
              </tr>
            </thead>
            <tbody>
              <For each={props.times.slice(-MOST_ROWS)}>
                {(time, index) => (
                  <tr>
                    <th scope="row">{dayTime(new Date(time * 1000).toISOString())}</th>
                    <For each={props.series}>
                      {({ values }) => <td>{valueText(values.slice(-MOST_ROWS)[index()])}</td>}
                    </For>
                  </tr>
                )}
              </For>
            </tbody>
          </table>
        </div>
      </details>
      <Show when={props.unit}>
        <figcaption class="muted">{props.unit}</figcaption>
      </Show>
    </figure>
  );
}

const isDark = (): boolean => matchMedia('(prefers-color-scheme: dark)').matches;
const valueText = (value: number | null | undefined): string =>
  value === null || value === undefined ? '–' : figure(value, Number.isInteger(value) ? 0 : 2);
const dataOf = (props: PlotProps): uPlot.AlignedData => [
  [...props.times],
  ...props.series.map(({ values }) => [...values]),
];

function optionsFor(props: PlotProps, width: number): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const axis = { stroke: colour('--muted'), grid: { stroke: colour('--line') }, ticks: { stroke: colour('--line') } };
  return {
    width: Math.max(width, 200),
    height: props.height ?? 220,
    axes: [axis, axis],
    cursor: { drag: { x: false, y: false } },
    series: [
      {},
      ...props.series.map((series) => ({
        label: series.name,
        stroke: colour(series.colour),
        width: 2,
        ...(series.dashed === true ? { dash: [6, 4], points: { show: false } } : {}),
        ...(series.kind === 'bars'
          ? { fill: colour(series.colour), paths: uPlot.paths.bars?.({ size: [0.8, 60] }), points: { show: false } }
          : {}),
      })),
    ] as uPlot.Series[],
  };
}
