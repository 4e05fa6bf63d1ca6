/** Silences the alerts of a rule, or of one camera of it, until a time. */
import { createSignal, Show } from 'solid-js';
import type { Silence } from '../../../../src/messages/monitoring.ts';
import { request } from '../../api/request.ts';
import { nameOf } from '../../feed/cameras.ts';
import { serverNow } from '../../feed/feed.ts';
import { t } from '../../i18n/index.ts';
import { Button } from '../../parts/button.tsx';
import { createSubmit } from '../../parts/create-submit.ts';
import { Dialog } from '../../parts/dialog.tsx';
import { Field } from '../../parts/field.tsx';
import { FormError } from '../../parts/form-error.tsx';
import { Select } from '../../parts/select.tsx';
import { toast } from '../../parts/toast.tsx';
import { dayTime } from '../../picture/words.ts';

const HOURS = { hour: 1, shift: 8, day: 24, week: 168 } as const;
const LENGTHS = ['hour', 'shift', 'day', 'week'] as const;
/** Under the most that the server takes, whatever the clocks say. */
const SLACK_MS = 60_000;

export interface SilenceSubject {
  readonly rule: string;
  /** Null: every camera. */
  readonly cameraId: string | null;
}

export function SilenceDialog(props: { subject: SilenceSubject | null; onClose: () => void; onSilenced: () => void }) {
  return (
    <Dialog
      id="silence"
      open={props.subject !== null}
      onOpenChange={(open) => {
        if (!open) props.onClose();
      }}
      title={t('system.monitoring.silenceTitle')}
      description={t('system.monitoring.silenceHint')}
    >
      <Show when={props.subject}>
        {(subject) => <SilenceForm subject={subject()} onClose={props.onClose} onSilenced={props.onSilenced} />}
      </Show>
    </Dialog>
  );
}

function SilenceForm(props: { subject: SilenceSubject; onClose: () => void; onSilenced: () => void }) {
  const [length, setLength] = createSignal<(typeof LENGTHS)[number]>('hour');
  const [reason, setReason] = createSignal('');
  const { error, busy, submit } = createSubmit(
    () => {
      const until = new Date(serverNow() + HOURS[length()] * 3_600_000 - SLACK_MS).toISOString();
      const body = { ...props.subject, until, reason: reason().trim() };
      return request<Silence>('/api/monitoring/silences', { method: 'POST', body });
    },
    ({ until }) => {
      toast({ type: 'success', text: t('system.monitoring.silenced', { time: dayTime(until) }) });
      props.onSilenced();
      props.onClose();
    },
  );
  return (
    <form class="form" onSubmit={submit}>
      <p>
        <code>{props.subject.rule}</code>{' '}
        {props.subject.cameraId === null ? t('system.monitoring.all') : nameOf(props.subject.cameraId)}
      </p>
      <Select
        label={t('system.monitoring.length')}
        name="silence-length"
        value={length()}
        options={LENGTHS.map((value) => ({ value, label: t(`alerts.shelf.lengths.${value}`) }))}
        onChange={(value) => setLength(LENGTHS.find((each) => each === value) ?? 'hour')}
      />
      <Field name="reason" label={t('system.monitoring.reason')} value={reason()} onInput={setReason} error={error()} />
      <FormError error={error()} fields={['reason']} />
      <div class="actions">
        <Button onClick={() => props.onClose()}>{t('shell.cancel')}</Button>
        <Button type="submit" look="primary" disabled={busy()}>
          {t('system.monitoring.silence')}
        </Button>
      </div>
    </form>
  );
}
