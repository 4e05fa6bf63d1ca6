/** Freshness and figures of a camera. */
import { For, type JSX, Show } from 'solid-js';
import type { SceneConfig } from '../../../../src/messages/scene.ts';
import type { CameraCell } from '../../feed/cameras.ts';
import { now } from '../../feed/feed.ts';
import { t } from '../../i18n/index.ts';
import { sourceName } from '../../picture/risk.ts';
import { age, figure } from '../../picture/words.ts';

export function CameraFigures(props: { cell: CameraCell; scene: SceneConfig | null }) {
  const view = () => props.cell.view();
  const figures = () => view()?.figures;
  const frame = () => props.cell.frame();
  const scene = (): string => {
    const { scene: known } = props;
    if (known === null) return t('camera.noScene');
    return t('camera.sceneText', {
      zones: known.zones.length,
      lines: known.lines.length,
      calibration: known.calibration === undefined ? t('camera.notCalibrated') : t('camera.calibrated'),
    });
  };
  return (
    <dl class="card camera-figures">
      <Figure name={t('camera.fresh')}>
        <Show when={frame()} fallback="–">
          {(known) => t('camera.freshValue', { age: age(now() - Date.parse(known().timestamp)) })}
        </Show>
      </Figure>
      <Figure name={t('camera.latency')}>
        <Show when={frame()} fallback="–">
          {(known) =>
            t('camera.latencyValue', {
              seconds: figure((Date.parse(known().publishedAt) - Date.parse(known().timestamp)) / 1000, 1),
            })
          }
        </Show>
      </Figure>
      <Figure name={t('camera.verdict')}>
        <Show when={frame()} fallback="–">
          {(known) => sourceName(known()) || '–'}
        </Show>
      </Figure>
      <Show when={figures()}>
        {(known) => (
          <>
            <Figure name={t('camera.rate')}>
              {t('camera.rateValue', { fps: figure(known().framesPerSecond, 2) })}
            </Figure>
            <Figure name={t('camera.frames')}>{figure(known().frames)}</Figure>
            <Figure name={t('camera.reconnects')}>{figure(known().reconnects)}</Figure>
            <Figure name={t('camera.shed')}>
              {t('camera.shedValue', {
                detections: figure(known().shed.detections),
                groups: figure(known().shed.groups),
              })}
            </Figure>
          </>
        )}
      </Show>
      <Figure name={t('camera.interval')}>
        {t('camera.latencyValue', { seconds: view()?.intervalSeconds ?? '–' })}
      </Figure>
      <Figure name={t('camera.groups')}>
        <Show when={(view()?.groups ?? []).length > 0} fallback={t('shell.none')}>
          <For each={view()?.groups ?? []}>{(group) => <span class="chip-text">{group} </span>}</For>
        </Show>
      </Figure>
      <Figure name={t('camera.sceneKnown')}>{scene()}</Figure>
      <Figure name={t('camera.address')}>
        <code>{view()?.url}</code>
      </Figure>
    </dl>
  );
}

const Figure = (props: { name: string; children: JSX.Element }) => (
  <div>
    <dt>{props.name}</dt>
    <dd>{props.children}</dd>
  </div>
);
