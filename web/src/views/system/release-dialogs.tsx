/** Dialogs that start, widen, promote, roll back and remove a release. */
import { createEffect, createSignal, on } from 'solid-js';
import type { ReleaseView } from '../../../../src/http/schemas/releases-schema.ts';
import { request } from '../../api/request.ts';
import { t } from '../../i18n/index.ts';
import { Button } from '../../parts/button.tsx';
import { ConfirmDialog } from '../../parts/confirm-dialog.tsx';
import { createSubmit } from '../../parts/create-submit.ts';
import { Dialog } from '../../parts/dialog.tsx';
import { Field } from '../../parts/field.tsx';
import { FormError } from '../../parts/form-error.tsx';
import { Select } from '../../parts/select.tsx';
import { toast } from '../../parts/toast.tsx';

interface DialogProps {
  readonly onClose: () => void;
  /** The list changed. */
  readonly onDone: () => void;
}

const pathOf = (id: string): string => `/api/releases/${encodeURIComponent(id)}`;
const EMPTY = { releaseId: '', model: '', prompt: '', detector: '', percent: '', unknownShare: '', failedShare: '' };
type FormField = keyof typeof EMPTY;
const FIELDS = [
  'releaseId',
  'changes.model',
  'changes.prompts.text',
  'changes.detector',
  'percent',
  'limits.unknownShare',
  'limits.failedShare',
];

/** The order of a form: empty fields are left out. */
function orderOf(form: typeof EMPTY, mode: ReleaseView['mode']) {
  const { releaseId, model, prompt, detector, percent, unknownShare, failedShare } = form;
  return {
    releaseId: releaseId.trim(),
    mode,
    changes: {
      ...(model.trim() === '' ? {} : { model: model.trim() }),
      ...(prompt.trim() === '' ? {} : { prompts: { text: prompt.trim() } }),
      ...(detector.trim() === '' ? {} : { detector: detector.trim() }),
    },
    ...(percent === '' ? {} : { percent: Number(percent) }),
    limits: {
      ...(unknownShare === '' ? {} : { unknownShare: Number(unknownShare) }),
      ...(failedShare === '' ? {} : { failedShare: Number(failedShare) }),
    },
  };
}

export function StartReleaseDialog(props: DialogProps & { readonly open: boolean }) {
  const [form, setForm] = createSignal(EMPTY);
  const [mode, setMode] = createSignal<ReleaseView['mode']>('shadow');
  const { error, busy, submit, clear } = createSubmit(
    () => request('/api/releases', { method: 'POST', body: orderOf(form(), mode()) }),
    () => {
      props.onDone();
      props.onClose();
    },
  );
  createEffect(
    on(
      () => props.open,
      () => {
        setForm(EMPTY);
        setMode('shadow');
        clear();
      },
    ),
  );
  const field = (
    name: FormField,
    apiName: string,
    label: string,
    more: { hint?: string; multiline?: boolean } = {},
  ) => (
    <Field
      name={apiName}
      label={label}
      value={form()[name]}
      onInput={(text) => setForm({ ...form(), [name]: text })}
      error={error()}
      optional={name !== 'releaseId'}
      {...more}
    />
  );
  return (
    <Dialog id="start-release" open={props.open} onOpenChange={props.onClose} title={t('system.releases.add')}>
      <form class="form" onSubmit={submit}>
        {field('releaseId', 'releaseId', t('system.releases.id'), { hint: t('system.releases.idHint') })}
        {field('model', 'changes.model', t('system.releases.model'))}
        {field('prompt', 'changes.prompts.text', t('system.releases.prompt'), { multiline: true })}
        {field('detector', 'changes.detector', t('system.releases.detector'), {
          hint: t('system.releases.detectorHint'),
        })}
        <Select
          label={t('system.releases.mode')}
          name="mode"
          value={mode()}
          onChange={(value) => setMode(value === 'share' ? 'share' : 'shadow')}
          options={(['shadow', 'share'] as const).map((value) => ({
            value,
            label: t(`system.releases.modesLong.${value}`),
          }))}
        />
        {field('percent', 'percent', t('system.releases.percent'))}
        {field('unknownShare', 'limits.unknownShare', t('system.releases.unknownShare'), {
          hint: t('system.releases.shareHint'),
        })}
        {field('failedShare', 'limits.failedShare', t('system.releases.failedShare'), {
          hint: t('system.releases.shareHint'),
        })}
        <FormError error={error()} fields={FIELDS} />
        <div class="actions">
          <Button onClick={() => props.onClose()}>{t('shell.cancel')}</Button>
          <Button type="submit" look="primary" disabled={busy()}>
            {t('system.releases.add')}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

export function WidenDialog(props: DialogProps & { readonly release: ReleaseView | null }) {
  const [percent, setPercent] = createSignal('');
  const { error, busy, submit, clear } = createSubmit(
    () => request(pathOf(props.release?.releaseId ?? ''), { method: 'PATCH', body: { percent: Number(percent()) } }),
    () => {
      props.onDone();
      props.onClose();
    },
  );
  createEffect(
    on(
      () => props.release,
      (release) => {
        clear();
        if (release !== null) setPercent(String(release.percent));
      },
    ),
  );
  return (
    <Dialog
      id="widen-release"
      open={props.release !== null}
      onOpenChange={props.onClose}
      title={t('system.releases.widenOf', { id: props.release?.releaseId ?? '' })}
    >
      <form class="form" onSubmit={submit}>
        <Field
          name="percent"
          label={t('system.releases.percent')}
          inputmode="numeric"
          value={percent()}
          onInput={setPercent}
          error={error()}
        />
        <FormError error={error()} fields={['percent']} />
        <div class="actions">
          <Button onClick={() => props.onClose()}>{t('shell.cancel')}</Button>
          <Button type="submit" look="primary" disabled={busy()}>
            {t('shell.save')}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

export type ReleaseEnd = 'promote' | 'rollBack' | 'remove';

export function EndReleaseDialog(
  props: DialogProps & { readonly ending: { readonly action: ReleaseEnd; readonly id: string } | null },
) {
  const action = (): ReleaseEnd => props.ending?.action ?? 'rollBack';
  const id = (): string => props.ending?.id ?? '';
  const send = (): Promise<unknown> =>
    action() === 'remove'
      ? request(pathOf(id()), { method: 'DELETE' })
      : request(`${pathOf(id())}/${action().toLowerCase()}`, { method: 'POST' });
  return (
    <ConfirmDialog
      id="end-release"
      open={props.ending !== null}
      onClose={props.onClose}
      title={t(`system.releases.${action()}Of`, { id: id() })}
      description={t(`system.releases.${action()}Hint`)}
      action={t(`system.releases.${action()}`)}
      look={action() === 'promote' ? 'primary' : 'danger'}
      run={send}
      onDone={() => {
        toast({ type: 'success', text: t('system.releases.done', { id: id() }) });
        props.onDone();
        props.onClose();
      }}
    />
  );
}
