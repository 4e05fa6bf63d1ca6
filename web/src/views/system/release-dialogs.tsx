/** Dialogs that widen, promote, roll back and remove a release. */
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
import { numberOrText } from '../../parts/number-or-text.ts';
import { toast } from '../../parts/toast.tsx';

interface DialogProps {
  readonly onClose: () => void;
  /** The list changed. */
  readonly onDone: () => void;
}

const pathOf = (id: string): string => `/api/releases/${encodeURIComponent(id)}`;

export function WidenDialog(props: DialogProps & { readonly release: ReleaseView | null }) {
  const [percent, setPercent] = createSignal('');
  const { error, busy, submit, clear } = createSubmit(
    () =>
      request(pathOf(props.release?.releaseId ?? ''), { method: 'PATCH', body: { percent: numberOrText(percent()) } }),
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
