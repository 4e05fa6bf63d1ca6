/** Road users counted by a camera, over time. */
import { createMemo, createSignal, Show } from 'solid-js';
import type { CountedBin } from '../../../../src/messages/counted-bin.ts';
import { createPoll } from '../../api/poll.ts';
import { reasonOf } from '../../api/request.ts';
import { t } from '../../i18n/index.ts';
import { Plot, type Series } from '../../parts/plot.tsx';
import { Select } from '../../parts/select.tsx';
import { COUNT_KINDS, type CountKind, countPlot } from './count-series.ts';

const RELOAD_MS = 60_000;
const BINS = ['15', '1'] as const;
/** Colours of the theme; the second four are dashed. */
const COLOURS = ['--accent', '--medium', '--ok', '--unknown'] as const;

interface CountsReply {
  readonly bins: readonly CountedBin[];
}

export function CountsPanel(props: { cameraId: string }) {
  const [bin, setBin] = createSignal<(typeof BINS)[number]>('15');
  const [kind, setKind] = createSignal<CountKind>('lines');
  const counts = createPoll<CountsReply>(
    () => `/api/cameras/${encodeURIComponent(props.cameraId)}/counts?bin=${bin()}`,
    RELOAD_MS,
  );
  const bins = () => counts.data()?.bins ?? [];
  const plot = createMemo(() => countPlot(bins(), kind()));
  const series = createMemo(() =>
    plot().series.map(({ id, direction, values }, index): Series => ({
      name: direction === null ? id : t('camera.countsLine', { line: id, way: t(`camera.way.${direction}`) }),
      values,
      colour: COLOURS[index % COLOURS.length] ?? '--accent',
      dashed: index >= COLOURS.length,
    })),
  );
  const notOnRoad = () => [...new Set(bins().flatMap((each) => each.notOnRoad))];
  return (
    <section class="card counts" aria-label={t('camera.counts')}>
      <div class="row">
        <h3>{t('camera.counts')}</h3>
        <Select
          label={t('camera.countsOf')}
          labelHidden
          name="counts-kind"
          value={kind()}
          options={COUNT_KINDS.map((value) => ({ value, label: t(`camera.countsKinds.${value}`) }))}
          onChange={(value) => setKind(COUNT_KINDS.find((each) => each === value) ?? 'lines')}
        />
        <Select
          label={t('camera.countsBin')}
          labelHidden
          name="counts-bin"
          value={bin()}
          options={BINS.map((value) => ({ value, label: t(`camera.countsBins.${value}`) }))}
          onChange={(value) => setBin(BINS.find((each) => each === value) ?? '15')}
        />
      </div>
      <Show when={counts.error()}>
        {(error) => (
          <p class="error" role="alert">
            {t('camera.countsFailed', { reason: reasonOf(error(), t('shell.noAnswer')) })}
          </p>
        )}
      </Show>
      <Show when={series().length > 0} fallback={<p class="muted">{t('camera.countsEmpty')}</p>}>
        <Plot
          label={`${t('camera.counts')}: ${t(`camera.countsKinds.${kind()}`)}`}
          times={plot().times}
          series={series()}
          unit={t(`camera.countsKinds.${kind()}`)}
        />
      </Show>
      <Show when={bins().some(({ calibrated }) => !calibrated)}>
        <p class="muted">{t('camera.countsEstimated')}</p>
      </Show>
      <Show when={notOnRoad().length > 0}>
        <p class="muted">{t('camera.countsNotOnRoad', { names: notOnRoad().join(', ') })}</p>
      </Show>
    </section>
  );
}
