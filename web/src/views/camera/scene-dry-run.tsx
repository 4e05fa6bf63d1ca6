/** Plays the last minutes again with the scene as it is drawn: the events that would have come. */
import { createMemo, createSignal, For, on, onCleanup, Show } from 'solid-js';
import type { DryRunReport } from '../../../../src/http/schemas/dry-run-schema.ts';
import { EVENT_KINDS } from '../../../../src/messages/scene-constants.ts';
import { ApiError, loadPicture, reasonOf, request } from '../../api/request.ts';
import { t } from '../../i18n/index.ts';
import { Button } from '../../parts/button.tsx';
import { Slider } from '../../parts/slider.tsx';
import { evidenceTexts, nameOfKind } from '../../picture/incidents.ts';
import { levelName } from '../../picture/risk.ts';
import { clockTime } from '../../picture/words.ts';
import { bodyOf } from './scene-edits.ts';
import type { SceneModel } from './scene-model.ts';
import { problemOf } from './scene-problems.ts';

/** As many as the server plays. */
const MOST_MINUTES = 10;
/** Ten minutes of a busy street take a while. */
const WAIT_MS = 120_000;
/** Events with their pictures that are shown at once. */
const PAGE = 12;

type Found = DryRunReport['incidents'][number];

export function DryRunPanel(props: { model: SceneModel; cameraId: string; readOnly: boolean }) {
  const { model } = props;
  const [minutes, setMinutes] = createSignal(MOST_MINUTES);
  const [report, setReport] = createSignal<DryRunReport | null>(null);
  const [error, setError] = createSignal('');
  const [running, setRunning] = createSignal(false);
  const [tried, setTried] = createSignal<object | null>(null);
  const end = new AbortController();
  onCleanup(() => end.abort());
  const run = async (): Promise<void> => {
    const scene = model.scene();
    setRunning(true);
    setError('');
    try {
      const path = `/api/cameras/${encodeURIComponent(props.cameraId)}/scene/dry-run`;
      const signal = AbortSignal.any([end.signal, AbortSignal.timeout(WAIT_MS)]);
      const body = { scene: bodyOf(scene), minutes: minutes() };
      setReport(await request<DryRunReport>(path, { method: 'POST', body, signal }));
      setTried(scene);
    } catch (thrown) {
      setError(reasonOf(thrown, t('shell.noAnswerRetry')));
      model.refuse(thrown instanceof ApiError ? problemOf(thrown) : null);
    } finally {
      setRunning(false);
    }
  };
  const blocked = (): string =>
    props.readOnly ? t('camera.operatorsOnly') : model.problems().length > 0 ? t('scene.correctFirst') : '';
  return (
    <div class="form">
      <p class="hint">{t('scene.dryRun.hint')}</p>
      <Slider
        label={t('scene.dryRun.minutes')}
        value={minutes()}
        min={1}
        max={MOST_MINUTES}
        step={1}
        onChange={setMinutes}
      />
      <div class="row">
        <Button look="primary" disabled={running() || blocked() !== ''} onClick={() => void run()}>
          {t('scene.dryRun.run')}
        </Button>
        <span class="muted">{blocked()}</span>
      </div>
      <p role="status">{running() ? t('scene.dryRun.running') : ''}</p>
      <p class="error" role="alert">
        {error()}
      </p>
      <Show when={report()} keyed>
        {(known) => <Result report={known} stale={tried() !== model.scene()} />}
      </Show>
    </div>
  );
}

function Result(props: { report: DryRunReport; stale: boolean }) {
  const { report } = props;
  const [shown, setShown] = createSignal(PAGE);
  const kinds = EVENT_KINDS.filter((kind) => (report.counts[kind] ?? 0) + (report.withoutScene[kind] ?? 0) > 0);
  return (
    <section class="dry-run" aria-label={t('scene.tab.dryRun')}>
      <p role="status">
        {report.frames === 0
          ? t('scene.dryRun.noFrames')
          : t(report.frames < report.recorded ? 'scene.dryRun.newest' : 'scene.dryRun.result', {
              frames: report.frames,
              recorded: report.recorded,
              from: clockTime(report.from),
              to: clockTime(report.to),
            })}
      </p>
      <Show when={props.stale}>
        <p class="muted">{t('scene.dryRun.stale')}</p>
      </Show>
      <Show when={report.problem}>
        {(problem) => <p class="error">{t('scene.dryRun.problem', { problem: problem() })}</p>}
      </Show>
      <Show when={kinds.length > 0} fallback={<p class="muted">{t('scene.dryRun.noEvents')}</p>}>
        <table class="dry-run-counts">
          <thead>
            <tr>
              <th scope="col">{t('scene.dryRun.kind')}</th>
              <th scope="col">{t('scene.dryRun.drawn')}</th>
              <th scope="col">{t('scene.dryRun.present')}</th>
            </tr>
          </thead>
          <tbody>
            <For each={kinds}>
              {(kind) => (
                <tr>
                  <th scope="row">{nameOfKind(kind)}</th>
                  <td>{report.counts[kind] ?? 0}</td>
                  <td>{report.withoutScene[kind] ?? 0}</td>
                </tr>
              )}
            </For>
          </tbody>
        </table>
      </Show>
      <Show when={report.incidents.length > 0}>
        <h3>{t('scene.dryRun.events')}</h3>
        <ul class="dry-run-events">
          <For each={report.incidents.slice(0, shown())}>{(incident) => <FoundEvent incident={incident} />}</For>
        </ul>
        <Show when={report.incidents.length > shown()}>
          <Button onClick={() => setShown(shown() + PAGE)}>{t('scene.dryRun.more')}</Button>
        </Show>
      </Show>
    </section>
  );
}

function FoundEvent(props: { incident: Found }) {
  const { incident } = props;
  const [gone, setGone] = createSignal(incident.imageId === null);
  let canvas: HTMLCanvasElement | undefined;
  const end = new AbortController();
  onCleanup(() => end.abort());
  const load = async (): Promise<void> => {
    if (incident.imageId === null) return;
    try {
      const bitmap = await createImageBitmap(await loadPicture(incident.imageId, end.signal));
      if (canvas !== undefined) drawFound(canvas, bitmap, incident.bbox);
      bitmap.close();
    } catch {
      // Not kept any more, or not sent in time: the place says so.
      setGone(true);
    }
  };
  void load();
  const text = createMemo(
    on(
      () => t('scene.dryRun.kind'),
      () => evidenceTexts(incident.evidence).join(', '),
    ),
  );
  const name = (): string =>
    t('scene.dryRun.pictureOf', { kind: nameOfKind(incident.kind), time: clockTime(incident.onset) });
  return (
    <li>
      <Show when={!gone()} fallback={<p class="dry-run-picture muted">{t('scene.dryRun.noPicture')}</p>}>
        <canvas class="dry-run-picture" ref={canvas} role="img" aria-label={name()} width={240} height={135} />
      </Show>
      <div>
        <p>
          <span class="badge" data-level={incident.severity}>
            {levelName(incident.severity)}
          </span>{' '}
          <strong>{nameOfKind(incident.kind)}</strong> {clockTime(incident.onset)}
        </p>
        <p class="muted">
          {incident.zone === null ? '' : `${incident.zone} · `}
          {text()}
        </p>
      </div>
    </li>
  );
}

const PICTURE_WIDTH = 240;

/** The picture, small, with the box of the event. */
function drawFound(canvas: HTMLCanvasElement, picture: ImageBitmap, bbox: readonly number[]): void {
  const scale = PICTURE_WIDTH / picture.width;
  canvas.width = PICTURE_WIDTH;
  canvas.height = Math.round(picture.height * scale);
  const context = canvas.getContext('2d');
  if (context === null) return;
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = bbox.map((value) => value * scale);
  context.strokeStyle = '#f0384b';
  context.lineWidth = 2;
  context.strokeRect(x1, y1, x2 - x1, y2 - y1);
}
