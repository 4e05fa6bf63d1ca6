/** How many calls an operator gets, against the bars of ISA-18.2, and where they come from. */
import { createMemo, createSignal, For, Show } from 'solid-js';
import type { AlarmLoad } from '../../../../src/messages/alarm.ts';
import { createPoll } from '../../api/poll.ts';
import { reasonOf } from '../../api/request.ts';
import { t } from '../../i18n/index.ts';
import { Plot } from '../../parts/plot.tsx';
import { Select } from '../../parts/select.tsx';
import { dayTime, figure } from '../../picture/words.ts';
import { ShelveDialog, type ShelfSubject } from '../alerts/shelve-dialog.tsx';
import { ChatteringSources, StaleAlarms, WorstSources } from './load-sources.tsx';
import './load.css';

/** The numbers are of minutes: more often tells no more. */
const LOAD_MS = 30_000;
const HOURS = [1, 4, 8, 12, 24] as const;

export default function LoadView() {
  const [hours, setHours] = createSignal<(typeof HOURS)[number]>(24);
  const [shelving, setShelving] = createSignal<ShelfSubject | null>(null);
  const load = createPoll<AlarmLoad>(() => `/api/alarms/load?hours=${hours()}`, LOAD_MS);
  return (
    <div class="load">
      <div class="row">
        <h2>{t('load.title')}</h2>
        <Select
          label={t('load.hours')}
          labelHidden
          name="hours"
          value={String(hours())}
          options={HOURS.map((value) => ({ value: String(value), label: hoursText(value) }))}
          onChange={(value) => setHours(HOURS.find((each) => String(each) === value) ?? 24)}
        />
      </div>
      <p class="muted">{t('load.about')}</p>
      <Show when={load.error()}>
        {(error) => (
          <p class="error" role="alert">
            {t('load.failed', { reason: reasonOf(error(), t('shell.noAnswer')) })}
          </p>
        )}
      </Show>
      <Show when={load.data()} fallback={<p class="empty">{load.error() === null ? t('shell.loading') : ''}</p>}>
        {(data) => (
          <>
            <Bars load={data()} />
            <Series load={data()} />
            <WorstSources load={data()} onShelve={setShelving} />
            <ChatteringSources load={data()} onShelve={setShelving} />
            <Floods load={data()} />
            <StaleAlarms load={data()} />
          </>
        )}
      </Show>
      <ShelveDialog subject={shelving()} onClose={() => setShelving(null)} />
    </div>
  );
}

const hoursText = (hours: number): string => (hours === 1 ? t('load.hourValue') : t('load.hoursValue', { hours }));

const rate = (value: number): string => figure(value, Number.isInteger(value) ? 0 : 1);
const share = (value: number): string => `${figure(value * 100, 1)} %`;

function Bars(props: { load: AlarmLoad }) {
  const bars = () => {
    const { perDay, per10Minutes, floodShare, incidents, bars: most } = props.load;
    return [
      { name: 'perDay', value: perDay, bar: most.perDay, before: incidents.perDay, text: rate },
      {
        name: 'mean10',
        value: per10Minutes.mean,
        // The day's bar over ten minutes: 150 a day are about one in ten minutes.
        bar: (most.perDay * 10) / (24 * 60),
        before: incidents.per10Minutes.mean,
        text: rate,
      },
      {
        name: 'worst10',
        value: per10Minutes.worst,
        bar: most.per10Minutes,
        before: incidents.per10Minutes.worst,
        text: rate,
      },
      { name: 'floodShare', value: floodShare, bar: most.floodShare, before: incidents.floodShare, text: share },
    ] as const;
  };
  return (
    <ul class="load-bars">
      <For each={bars()}>
        {({ name, value, bar, before, text }) => (
          <li class="card" data-bar={name} data-holds={value <= bar}>
            <h3>{t(`load.${name}`)}</h3>
            <p class="load-figure">{text(value)}</p>
            <p class="load-verdict">
              {value <= bar ? `✓ ${t('load.holds')}` : `⚠ ${t('load.broken')}`}
              <span class="muted"> ({t('load.bar', { value: text(bar) })})</span>
            </p>
            <p class="muted">{t('load.incidents', { value: text(before) })}</p>
          </li>
        )}
      </For>
    </ul>
  );
}

function Series(props: { load: AlarmLoad }) {
  const times = createMemo(() => props.load.per10Minutes.series.map(([time]) => Date.parse(time) / 1000));
  const series = () => [
    {
      name: t('load.alarms'),
      values: props.load.per10Minutes.series.map(([, alarms]) => alarms),
      colour: '--accent',
      kind: 'bars' as const,
    },
    {
      name: t('load.barLine'),
      values: props.load.per10Minutes.series.map(() => props.load.bars.per10Minutes),
      colour: '--high',
      dashed: true,
    },
  ];
  return (
    <section class="card">
      <h3>{t('load.series')}</h3>
      <Plot label={t('load.series')} times={times()} series={series()} />
    </section>
  );
}

function Floods(props: { load: AlarmLoad }) {
  return (
    <section class="card">
      <h3>{t('load.floods')}</h3>
      <Show when={props.load.floods.length > 0} fallback={<p class="muted">{t('load.noFloods')}</p>}>
        <ul>
          <For each={props.load.floods}>
            {({ from, to, alarms }) => <li>{t('load.flood', { from: dayTime(from), to: dayTime(to), alarms })}</li>}
          </For>
        </ul>
      </Show>
    </section>
  );
}
