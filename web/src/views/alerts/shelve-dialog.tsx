/** Shelves the alerts of a camera, of a kind, or of both, until a time. */
import { createEffect, createMemo, createSignal, on, Show } from 'solid-js';
import { EVENT_KINDS, type EventKind } from '../../../../src/messages/scene-constants.ts';
import { request } from '../../api/request.ts';
import { FormError } from '../../parts/form-error.tsx';
import { cameraIds, nameOf } from '../../feed/cameras.ts';
import { serverNow } from '../../feed/feed.ts';
import type { Shelf } from '../../feed/messages.ts';
import { t } from '../../i18n/index.ts';
import { Button } from '../../parts/button.tsx';
import { Combobox } from '../../parts/combobox.tsx';
import { Dialog } from '../../parts/dialog.tsx';
import { Field, errorTextFor } from '../../parts/field.tsx';
import { Select } from '../../parts/select.tsx';
import { toast } from '../../parts/toast.tsx';
import { nameOfKind } from '../../picture/incidents.ts';
import { dayTime } from '../../picture/words.ts';

const HOURS = { hour: 1, shift: 8, day: 24, week: 168 } as const;
const LENGTHS = ['hour', 'shift', 'day', 'week', 'until'] as const;
type Length = (typeof LENGTHS)[number];
/** Under the most that the server takes, whatever the clocks say. */
const SLACK_MS = 60_000;
const ANY = '*';

/** Suggested by the dialog's opener; both null: nothing is. */
export interface ShelfSubject {
  readonly cameraId: string | null;
  readonly kind: EventKind | null;
}

export function ShelveDialog(props: { subject: ShelfSubject | null; onClose: () => void; onShelved?: () => void }) {
  return (
    <Dialog
      id="shelve"
      open={props.subject !== null}
      onOpenChange={(open) => {
        if (!open) props.onClose();
      }}
      title={t('alerts.shelf.title')}
      description={t('alerts.shelf.hint')}
    >
      <Show when={props.subject}>
        {(subject) => <ShelfForm subject={subject()} onClose={props.onClose} onShelved={props.onShelved} />}
      </Show>
    </Dialog>
  );
}

interface ShelfFormProps {
  readonly subject: ShelfSubject;
  readonly onClose: () => void;
  readonly onShelved: (() => void) | undefined;
}

/** The values of the form, and their submission. */
function createShelf(props: ShelfFormProps) {
  const [cameraId, setCameraId] = createSignal<string | null>(null);
  const [kind, setKind] = createSignal<string>(ANY);
  const [length, setLength] = createSignal<Length>('shift');
  const [until, setUntil] = createSignal('');
  const [reason, setReason] = createSignal('');
  const [error, setError] = createSignal<unknown>(null);
  const [busy, setBusy] = createSignal(false);
  const [isUntilWrong, setUntilWrong] = createSignal(false);
  createEffect(
    on(
      () => props.subject,
      (subject) => {
        setCameraId(subject.cameraId);
        setKind(subject.kind ?? ANY);
      },
    ),
  );
  const end = (): number => {
    const chosen = length();
    return chosen === 'until' ? Date.parse(until()) : serverNow() + HOURS[chosen] * 3_600_000 - SLACK_MS;
  };
  const submit = async (): Promise<void> => {
    const at = end();
    setError(null);
    setUntilWrong(Number.isNaN(at));
    if (Number.isNaN(at)) return;
    setBusy(true);
    try {
      const body = {
        cameraId: cameraId(),
        kind: kind() === ANY ? null : kind(),
        until: new Date(at).toISOString(),
        reason: reason().trim(),
      };
      const shelf = await request<Shelf>('/api/shelves', { method: 'POST', body });
      toast({ type: 'success', text: t('alerts.shelf.added', { time: dayTime(shelf.until) }) });
      props.onShelved?.();
      props.onClose();
    } catch (thrown) {
      setError(thrown);
    } finally {
      setBusy(false);
    }
  };
  const untilError = (): unknown => (isUntilWrong() ? t('alerts.shelf.untilWrong') : error());
  return {
    cameraId,
    setCameraId,
    kind,
    setKind,
    length,
    setLength,
    until,
    setUntil,
    reason,
    setReason,
    error,
    untilError,
    busy,
    submit,
  };
}

function ShelfForm(props: ShelfFormProps) {
  const form = createShelf(props);
  const cameras = createMemo(() => cameraIds().map((id) => ({ value: id, label: nameOf(id) })));
  return (
    <form
      class="form"
      onSubmit={(event) => {
        event.preventDefault();
        void form.submit();
      }}
    >
      <Combobox
        label={t('alerts.shelf.camera')}
        name="shelf-camera"
        placeholder={t('alerts.shelf.anyCamera')}
        options={cameras()}
        values={form.cameraId() === null ? [] : [form.cameraId() ?? '']}
        onChange={([first]) => form.setCameraId(first ?? null)}
      />
      <p class="error" role="alert">
        {errorTextFor('cameraId', form.error())}
      </p>
      <Select
        label={t('alerts.shelf.kind')}
        name="shelf-kind"
        value={form.kind()}
        options={[
          { value: ANY, label: t('alerts.shelf.anyKind') },
          ...EVENT_KINDS.map((each) => ({ value: each, label: nameOfKind(each) })),
        ]}
        onChange={form.setKind}
      />
      <Select
        label={t('alerts.shelf.length')}
        name="shelf-length"
        value={form.length()}
        options={LENGTHS.map((value) => ({ value, label: t(`alerts.shelf.lengths.${value}`) }))}
        onChange={(value) => form.setLength(LENGTHS.find((each) => each === value) ?? 'shift')}
      />
      <Show
        when={form.length() === 'until'}
        fallback={
          <p class="error" role="alert">
            {errorTextFor('until', form.error())}
          </p>
        }
      >
        <Field
          name="until"
          type="datetime-local"
          label={t('alerts.shelf.until')}
          hint={t('alerts.shelf.untilHint')}
          value={form.until()}
          onInput={form.setUntil}
          error={form.untilError()}
        />
      </Show>
      <Field
        name="reason"
        label={t('alerts.shelf.reason')}
        optional
        value={form.reason()}
        onInput={form.setReason}
        error={form.error()}
      />
      <FormError error={form.error()} fields={['cameraId', 'until', 'reason']} />
      <div class="actions">
        <Button onClick={() => props.onClose()}>{t('shell.cancel')}</Button>
        <Button type="submit" look="primary" disabled={form.busy()}>
          {t('alerts.shelf.submit')}
        </Button>
      </div>
    </form>
  );
}
