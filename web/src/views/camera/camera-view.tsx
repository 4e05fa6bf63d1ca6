/** One camera: its live video beside the analysed picture, its figures, incidents and counts. */
import { useParams } from '@solidjs/router';
import { createMemo, createSignal, For, Show } from 'solid-js';
import type { SceneView } from '../../../../src/http/schemas/scene-schema.ts';
import { createPoll } from '../../api/poll.ts';
import { may } from '../../api/session.ts';
import { setViewPreference, viewPreference } from '../../app/preferences.ts';
import { type CameraCell, cameraCell, cameraIds, camerasListed } from '../../feed/cameras.ts';
import { t } from '../../i18n/index.ts';
import { Button } from '../../parts/button.tsx';
import { Switch } from '../../parts/switch.tsx';
import { incidentText } from '../../picture/incidents.ts';
import { levelName, summary } from '../../picture/risk.ts';
import { dayTime } from '../../picture/words.ts';
import { AnalysedPicture } from './analysed-picture.tsx';
import { type CameraChoice, LAYERS, readChoice } from './camera-choice.ts';
import { CameraFigures } from './camera-figures.tsx';
import { CameraSettingsDialog } from './camera-settings.tsx';
import { CountsPanel } from './counts-panel.tsx';
import { LivePanel } from './live-panel.tsx';
import { RestartDialog } from './restart-dialog.tsx';
import { TimelinePanel } from './timeline-panel.tsx';
import './camera.css';

export default function CameraView() {
  const params = useParams<{ id: string }>();
  const isKnown = (): boolean => cameraIds().includes(params.id);
  return (
    <Show
      when={isKnown() ? params.id : null}
      keyed
      fallback={<p class="empty">{camerasListed() ? t('camera.unknown', { id: params.id }) : t('shell.loading')}</p>}
    >
      {(id) => <Camera id={id} />}
    </Show>
  );
}

function Camera(props: { id: string }) {
  const { id } = props;
  const cell = cameraCell(id);
  const choice = createMemo(() => readChoice(viewPreference('camera')));
  const change = (next: Partial<CameraChoice>): void => setViewPreference('camera', { ...choice(), ...next });
  // Its schema is the API's; a camera without a scene is answered with 404, and shows none.
  const scene = createPoll<SceneView>(() => `/api/cameras/${encodeURIComponent(id)}/scene`, 0);
  const name = (): string => cell.view()?.name ?? id;
  return (
    <div class="camera-view">
      <Head id={id} cell={cell} name={name()} />
      <div class="camera-pictures">
        <section class="card" aria-label={t('camera.analysed')}>
          <h3>{t('camera.analysed')}</h3>
          <AnalysedPicture cell={cell} name={name()} layers={choice().layers} scene={scene.data() ?? null} />
          <div class="row" role="group" aria-label={t('camera.layers')}>
            <For each={LAYERS}>
              {(layer) => (
                <Switch
                  label={t(`camera.layer.${layer}`)}
                  name={`layer-${layer}`}
                  checked={choice().layers[layer]}
                  onChange={(shown) => change({ layers: { ...choice().layers, [layer]: shown } })}
                />
              )}
            </For>
          </div>
        </section>
        <section class="card" aria-label={t('camera.live')}>
          <h3>{t('camera.live')}</h3>
          <LivePanel cameraId={id} name={name()} on={choice().live} onChange={(live) => change({ live })} />
          <EventsNow cell={cell} />
        </section>
      </div>
      <CameraFigures cell={cell} scene={scene.data() ?? null} />
      <TimelinePanel cameraId={id} hours={choice().hours} onHours={(hours) => change({ hours })} />
      <CountsPanel cameraId={id} />
    </div>
  );
}

function Head(props: { id: string; cell: CameraCell; name: string }) {
  const [editing, setEditing] = createSignal(false);
  const [restarting, setRestarting] = createSignal(false);
  const status = () => props.cell.status();
  const state = () => status()?.state ?? 'connecting';
  const level = () => props.cell.frame()?.riskAssessment.maxRiskLevel;
  return (
    <header class="row camera-head">
      <span class="dot" role="img" data-state={state()} aria-label={t(`wall.state.${state()}`)} />
      <h2>{props.name}</h2>
      <span class="badge" data-level={level() ?? 'waiting'}>
        <Show when={level()} fallback="–">
          {(known) => levelName(known())}
        </Show>
      </span>
      <span class="muted camera-status" role="status">
        {t(`wall.state.${state()}`)}
        <Show when={status()}>
          {(known) => (
            <>
              {known().message === known().state ? '' : `: ${known().message}`}{' '}
              {t('camera.since', { time: dayTime(known().since) })}
            </>
          )}
        </Show>
      </span>
      <a class="button" href={`#/cameras/${encodeURIComponent(props.id)}/scene`}>
        {t('camera.scene')}
      </a>
      <a class="button" href={`#/alerts?cameraId=${encodeURIComponent(props.id)}`}>
        {t('camera.alerts')}
      </a>
      <Show when={may('operator')} fallback={<span class="muted">{t('camera.operatorsOnly')}</span>}>
        <Button onClick={() => setEditing(true)}>{t('camera.edit')}</Button>
        <Button onClick={() => setRestarting(true)}>{t('camera.restart')}</Button>
      </Show>
      <CameraSettingsDialog cameraId={props.id} name={props.name} open={editing()} onOpenChange={setEditing} />
      <RestartDialog cameraId={props.id} name={props.name} open={restarting()} onOpenChange={setRestarting} />
    </header>
  );
}

/** The incidents of the newest frame, with their numbers. */
function EventsNow(props: { cell: CameraCell }) {
  const incidents = () => props.cell.frame()?.incidents ?? [];
  const text = (): string => {
    const frame = props.cell.frame();
    return frame === null ? '' : summary(frame);
  };
  return (
    <div class="camera-events">
      <h3>{t('camera.events')}</h3>
      <p class="muted">{text()}</p>
      <div aria-live="polite">
        <Show when={incidents().length > 0} fallback={<p class="muted">{t('camera.noEvents')}</p>}>
          <ul>
            <For each={incidents().slice(0, 20)}>
              {(incident) => (
                <li>
                  <span class="badge" data-level={incident.verdict.level}>
                    {levelName(incident.verdict.level)}
                  </span>{' '}
                  <Show when={incident.alertId} fallback={incidentText(incident)}>
                    {(alertId) => <a href={`#/alerts/${alertId()}`}>{incidentText(incident)}</a>}
                  </Show>{' '}
                  <span class="muted">
                    {incident.state === 'open' ? t('camera.eventOpen') : t('camera.eventClosed')}
                  </span>
                </li>
              )}
            </For>
          </ul>
        </Show>
      </div>
    </div>
  );
}
