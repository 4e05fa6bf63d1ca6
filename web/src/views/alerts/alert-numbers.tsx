/** The numbers of an alert's incidents, each with its unit and its meaning. */
import { For, Show } from 'solid-js';
import type { Aggregate } from '../../../../src/messages/aggregate.ts';
import type { Evidence, Incident } from '../../../../src/messages/incident.ts';
import { t } from '../../i18n/index.ts';
import { kindName } from '../../picture/incidents.ts';
import { levelName } from '../../picture/risk.ts';
import { dayTime, figure } from '../../picture/words.ts';
import { PlanView } from './plan-view.tsx';
import { trackName } from './road-users.ts';

/** Units are the same in every language of the page. */
const UNITS = {
  ttc: 's',
  pet: 's',
  speedKmh: 'km/h',
  limitKmh: 'km/h',
  distanceM: 'm',
  decelerationMps2: 'm/s²',
  neededDecelerationMps2: 'm/s²',
  headwayS: 's',
  degrees: '°',
  vehicles: '',
  lengthM: 'm',
  durationS: 's',
} as const satisfies Record<keyof Evidence, string>;

const NUMBERS = Object.keys(UNITS) as (keyof Evidence)[];

/** Those that the alert is about first. */
export const incidentsOf = ({ incidents, requestId }: Aggregate): Incident[] =>
  incidents.toSorted((a, b) => Number(b.alertId === requestId) - Number(a.alertId === requestId));

export function AlertNumbers(props: { alert: Aggregate }) {
  const incidents = () => incidentsOf(props.alert);
  return (
    <Show when={incidents().length > 0} fallback={<p class="muted">{t('alerts.fact.none')}</p>}>
      <For each={incidents()}>
        {(incident, index) => (
          <article class="card incident-facts" data-incident={incident.incidentId}>
            <h3>
              <Show when={incidents().length > 1} fallback={kindName(incident)}>
                {t('alerts.incident', { kind: kindName(incident), index: index() + 1, count: incidents().length })}
              </Show>
            </h3>
            <PlanView alert={props.alert} incident={incident} />
            <h4>{t('alerts.numbers')}</h4>
            <Facts alert={props.alert} incident={incident} />
          </article>
        )}
      </For>
    </Show>
  );
}

function Facts(props: { alert: Aggregate; incident: Incident }) {
  const numbers = () =>
    NUMBERS.flatMap((name) => {
      const value = props.incident.evidence[name];
      return value === null ? [] : [{ name, text: `${figure(value, Number.isInteger(value) ? 0 : 1)} ${UNITS[name]}` }];
    });
  const speeds = (): string =>
    (props.incident.speedsKmh ?? [])
      .flatMap((speed, index) => {
        const trackId = props.incident.trackIds[index];
        return speed === null || trackId === undefined
          ? []
          : [`${trackName(props.alert, trackId)}: ${figure(speed)} km/h`];
      })
      .join(', ');
  return (
    <dl class="facts">
      <For each={numbers()}>
        {({ name, text }) => (
          <>
            <dt>{t(`alerts.number.${name}`)}</dt>
            <dd data-number={name}>{text}</dd>
          </>
        )}
      </For>
      <Show when={speeds() !== ''}>
        <dt>{t('alerts.fact.speeds')}</dt>
        <dd>{speeds()}</dd>
      </Show>
      <dt>{t('alerts.fact.metres')}</dt>
      <dd>{t(props.incident.calibrated ? 'alerts.fact.calibrated' : 'alerts.fact.estimated')}</dd>
      <dt>{t('alerts.fact.zone')}</dt>
      <dd>{props.incident.zone ?? t('alerts.fact.noZone')}</dd>
      <dt>{t('alerts.fact.severity')}</dt>
      <dd>{levelName(props.incident.severity)}</dd>
      <dt>{t('alerts.fact.onset')}</dt>
      <dd>{dayTime(props.incident.onset)}</dd>
      <dt>{t('alerts.fact.found')}</dt>
      <dd>{dayTime(props.incident.foundAt)}</dd>
      <dt>{t('alerts.fact.ended')}</dt>
      <dd>{props.incident.endedAt === undefined ? t('alerts.fact.lasts') : dayTime(props.incident.endedAt)}</dd>
    </dl>
  );
}
