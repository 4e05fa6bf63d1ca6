/** The newest alerts of all cameras, beside the tiles. */
import { createEffect, createSignal, For, on, onCleanup, onMount, Show } from 'solid-js';
import { showPicture } from '../../api/request.ts';
import { nameOf } from '../../feed/cameras.ts';
import { type RecentAlert, recentAlerts } from '../../feed/recent-alerts.ts';
import { t } from '../../i18n/index.ts';
import { Clip } from '../../live/clip.tsx';
import { leadingIncident, nameOfKind } from '../../picture/incidents.ts';
import { Marks } from '../../picture/marks.tsx';
import { levelName, summary } from '../../picture/risk.ts';
import { clockTime } from '../../picture/words.ts';

const SHOWN = 30;

export function WallAlerts() {
  const ids = () =>
    recentAlerts()
      .slice(0, SHOWN)
      .map(({ alertId }) => alertId);
  // Rows are kept by alert, so that a later revision leaves a clip that plays alone.
  const byId = () => new Map(recentAlerts().map((alert) => [alert.alertId, alert]));
  return (
    <aside class="wall-alerts" aria-labelledby="alerts-title">
      <div class="row">
        <h2 id="alerts-title">{t('wall.alerts')}</h2>
        <a href="#/alerts">{t('wall.allAlerts')}</a>
      </div>
      <Show when={ids().length > 0} fallback={<p class="muted">{t('wall.noAlerts')}</p>}>
        <ol id="alerts">
          <For each={ids()}>
            {(alertId) => (
              <Show when={byId().get(alertId)}>{(alert) => <AlertItem alertId={alertId} alert={alert()} />}</Show>
            )}
          </For>
        </ol>
      </Show>
    </aside>
  );
}

function AlertItem(props: { alertId: string; alert: RecentAlert }) {
  const level = () => props.alert.aggregate?.riskAssessment.maxRiskLevel ?? props.alert.row?.level ?? 'unknown';
  const text = (): string => {
    const { aggregate, row } = props.alert;
    if (aggregate !== null) return summary(aggregate);
    return row === null ? '' : [...row.kinds.map(nameOfKind), row.description].filter(Boolean).join('. ');
  };
  const label = (): string =>
    t('wall.openAlert', { name: nameOf(props.alert.cameraId), time: clockTime(props.alert.timestamp) });
  return (
    <li data-request={props.alertId} data-level={level()}>
      <Crop imageId={cropOf(props.alert)} />
      <div>
        <p class="row">
          <span class="badge" data-level={level()}>
            {levelName(level())}
          </span>
          <Marks aggregate={props.alert.aggregate} />
          <time class="muted" datetime={props.alert.timestamp}>
            {clockTime(props.alert.timestamp)}
          </time>
        </p>
        <p>
          <a class="wall-alert-name" href={`#/alerts/${encodeURIComponent(props.alertId)}`} aria-label={label()}>
            {nameOf(props.alert.cameraId)}
          </a>
        </p>
        <p>{text()}</p>
        <Clip alertId={props.alertId} />
      </div>
    </li>
  );
}

/** The cut-out of the road users that decide the level; null where there is none. */
function cropOf({ aggregate, row }: RecentAlert): string | null {
  if (aggregate === null) return row?.imageId ?? null;
  const { maxRiskLevel, results } = aggregate.riskAssessment;
  const worst = results.find(({ riskLevel }) => riskLevel === maxRiskLevel);
  const group = aggregate.trafficGroups.find(({ groupIndex }) => groupIndex === worst?.groupIndex);
  return leadingIncident(aggregate)?.cropId ?? group?.cropId ?? null;
}

/** A small picture, loaded once it comes near the visible area. */
function Crop(props: { imageId: string | null }) {
  const [near, setNear] = createSignal(false);
  const [gone, setGone] = createSignal(false);
  let image: HTMLImageElement | undefined;
  onMount(() => {
    if (image === undefined) return;
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.some(({ isIntersecting }) => isIntersecting)) setNear(true);
      },
      { rootMargin: '100px' },
    );
    observer.observe(image);
    onCleanup(() => observer.disconnect());
  });
  createEffect(
    on([near, () => props.imageId], ([isNear, imageId]) => {
      if (!isNear || imageId === null || image === undefined) return;
      // Pictures live for minutes, alerts for longer.
      showPicture(imageId, image).then(
        () => setGone(false),
        () => setGone(true),
      );
    }),
  );
  return <img ref={image} class="wall-crop" alt="" classList={{ gone: gone() || props.imageId === null }} />;
}
