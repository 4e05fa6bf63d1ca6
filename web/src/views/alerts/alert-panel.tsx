/** One alert: its evidence, and the work on it. */
import { createEffect, createSignal, on, onMount, Show } from 'solid-js';
import type { AlertRecord } from '../../../../src/http/schemas/alert-record-schema.ts';
import { ApiError, reasonOf, saveFile } from '../../api/request.ts';
import { may } from '../../api/session.ts';
import { nameOf } from '../../feed/cameras.ts';
import { t } from '../../i18n/index.ts';
import { Clip } from '../../live/clip.tsx';
import { Button } from '../../parts/button.tsx';
import { createShortcuts } from '../../parts/shortcuts.ts';
import { toast, toastFailure } from '../../parts/toast.tsx';
import { levelName, marks, sourceName, summary } from '../../picture/risk.ts';
import { dayTime } from '../../picture/words.ts';
import { AlertNumbers, incidentsOf } from './alert-numbers.tsx';
import { AlertCrops, AlertPicture } from './alert-picture.tsx';
import { createAlertRecord, type OpenAlert, type Verdict } from './alert-record.ts';
import { HandlingForm } from './handling-form.tsx';
import { ModelAnswers } from './model-answers.tsx';
import type { ShelfSubject } from './shelve-dialog.tsx';

/** Time for a record with its clip on a slow line. */
const ZIP_MS = 120_000;

export interface AlertPanelProps {
  readonly alertId: string;
  /** The panel takes the focus: it is shown in place of the list. */
  readonly takesFocus: boolean;
  /** Whether single keys act. */
  readonly keys: boolean;
  readonly onClose: () => void;
  /** Undefined: there is none. */
  readonly onPrevious: (() => void) | undefined;
  readonly onNext: (() => void) | undefined;
  readonly onShelve: (subject: ShelfSubject) => void;
}

export function AlertPanel(props: AlertPanelProps) {
  const open = createAlertRecord(() => props.alertId);
  const work = createWork(open);
  createEffect(on(() => props.alertId, work.clear, { defer: true }));
  const shelve = (): void => {
    const record = open.record();
    if (record === undefined || !may('operator')) return;
    props.onShelve({ cameraId: record.alert.cameraId, kind: incidentsOf(record.alert)[0]?.kind ?? null });
  };
  createShortcuts(
    {
      a: work.acknowledge,
      '1': () => work.judge('true'),
      '2': () => work.judge('false'),
      '3': () => work.judge('unclear'),
      s: shelve,
      Escape: () => props.onClose(),
    },
    () => props.keys,
  );
  let title: HTMLHeadingElement | undefined;
  onMount(() => {
    if (props.takesFocus) title?.focus();
  });
  return (
    <section class="alert-panel" aria-labelledby="alert-title" data-alert={open.record()?.alert.requestId}>
      <div class="row panel-head">
        <h2 id="alert-title" tabindex="-1" ref={title}>
          <Show when={open.record()} fallback={t('alerts.panel')}>
            {(record) => (
              <>
                {t('alerts.panel')}: {nameOf(record().alert.cameraId)}
              </>
            )}
          </Show>
        </h2>
        <Button class="small" disabled={props.onPrevious === undefined} onClick={() => props.onPrevious?.()}>
          <span aria-hidden="true">▲</span> {t('alerts.previous')}
        </Button>
        <Button class="small" disabled={props.onNext === undefined} onClick={() => props.onNext?.()}>
          <span aria-hidden="true">▼</span> {t('alerts.next')}
        </Button>
        <Button look="quiet" aria-label={t('shell.close')} onClick={() => props.onClose()}>
          ✕
        </Button>
      </div>
      <Show
        when={open.record()}
        fallback={
          <Show when={open.error()} fallback={<p class="empty">{t('shell.loading')}</p>}>
            {(error) => (
              <p class="empty" role="alert">
                {reasonOf(error(), t('shell.noAnswerRetry')).replace(/^id: /u, '')}
              </p>
            )}
          </Show>
        }
      >
        {(record) => <Content record={record()} open={open} work={work} onShelve={shelve} />}
      </Show>
    </section>
  );
}

interface Work {
  readonly busy: () => boolean;
  readonly error: () => unknown;
  readonly setError: (error: unknown) => void;
  readonly clear: () => void;
  /** Acknowledges the alert, or takes that back. */
  readonly acknowledge: () => void;
  /** Gives a verdict; the same one again takes it back. */
  readonly judge: (value: Verdict) => void;
}

/** The changes that an operator makes, one at a time. */
function createWork(open: OpenAlert): Work {
  const [busy, setBusy] = createSignal(false);
  const [error, setError] = createSignal<unknown>(null);
  const change = (make: () => Promise<void>): void => {
    if (busy() || open.handling() === undefined || !may('operator')) return;
    setBusy(true);
    setError(null);
    make()
      .catch((thrown: unknown) => {
        if (thrown instanceof ApiError && thrown.code === 'ALERT_CHANGED') {
          void open.refresh();
          setError(
            new ApiError(thrown.status, { code: thrown.code, message: t('alerts.handling.changed'), field: null }),
          );
        } else setError(thrown);
      })
      .finally(() => setBusy(false));
  };
  return {
    busy,
    error,
    setError,
    clear: () => setError(null),
    acknowledge: () => change(() => open.acknowledge(open.handling()?.acknowledged === null)),
    judge: (value) => change(() => open.judge(open.handling()?.verdict?.value === value ? null : value)),
  };
}

function Content(props: { record: AlertRecord; open: OpenAlert; work: Work; onShelve: () => void }) {
  const alert = () => props.record.alert;
  const level = () => alert().riskAssessment.maxRiskLevel;
  const copy = (): void => {
    const { origin, pathname, search } = location;
    const link = `${origin}${pathname}${search}#/alerts/${encodeURIComponent(alert().requestId)}`;
    navigator.clipboard.writeText(link).then(
      () => toast({ type: 'success', text: t('alerts.filter.copied') }),
      () => toast({ type: 'info', text: link }),
    );
  };
  const saveEvidence = (): void => {
    const { requestId } = alert();
    saveFile(`/api/alerts/${encodeURIComponent(requestId)}/evidence.zip`, `alert-${requestId}.zip`, ZIP_MS).catch(
      toastFailure,
    );
  };
  return (
    <>
      <div class="row">
        <span class="badge" data-level={level()}>
          {levelName(level())}
        </span>
        <time datetime={alert().timestamp}>{dayTime(alert().timestamp)}</time>
        {marks(alert()).map(({ name, title }) => (
          <span class="mark" title={title}>
            {name}
          </span>
        ))}
        <a href={`#/cameras/${encodeURIComponent(alert().cameraId)}`}>{nameOf(alert().cameraId)}</a>
        <span class="muted">{sourceName(alert())}</span>
      </div>
      <p class="alert-summary">{summary(alert())}</p>
      <div class="row">
        <Button class="small" onClick={copy}>
          {t('alerts.copyLink')}
        </Button>
        <Button
          class="small"
          name="evidence"
          disabled={!may('operator')}
          title={may('operator') ? undefined : t('alerts.needsOperator')}
          onClick={saveEvidence}
        >
          {t('alerts.evidenceZip')}
        </Button>
        <Button
          class="small"
          name="shelve-this"
          disabled={!may('operator')}
          title={may('operator') ? undefined : t('alerts.needsOperator')}
          onClick={() => props.onShelve()}
        >
          {t('alerts.shelve')}
        </Button>
      </div>
      <Show when={props.open.handling()}>
        {(handling) => (
          <HandlingForm
            open={props.open}
            handling={handling()}
            shelved={props.record.shelved}
            busy={props.work.busy()}
            error={props.work.error()}
            onError={props.work.setError}
            onAcknowledge={props.work.acknowledge}
            onVerdict={props.work.judge}
          />
        )}
      </Show>
      <ClipOf record={props.record} />
      <AlertPicture alert={alert()} />
      <AlertCrops pictures={props.record.pictures} />
      <AlertNumbers alert={alert()} />
      <ModelAnswers record={props.record} />
    </>
  );
}

const ClipOf = (props: { record: AlertRecord }) => (
  <Show
    when={props.record.clip.state === 'stored'}
    fallback={
      <p class="muted" role="status">
        {props.record.clip.state === 'awaited'
          ? t('alerts.clipAwaited')
          : t('alerts.clipNone', { reason: props.record.clip.reason ?? '' })}
      </p>
    }
  >
    {/* One player for each alert: the clip of the one before ends with it. */}
    <Show when={props.record.alert.requestId} keyed>
      {(alertId) => <Clip alertId={alertId} />}
    </Show>
  </Show>
);
