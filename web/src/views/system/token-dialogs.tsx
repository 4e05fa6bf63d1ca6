/** Dialogs that make and end an API token. */
import { createEffect, createSignal, on, Show } from 'solid-js';
import type { TokenAdded, TokenView } from '../../../../src/http/schemas/accounts-schema.ts';
import { request } from '../../api/request.ts';
import { FormError } from '../../parts/form-error.tsx';
import { t } from '../../i18n/index.ts';
import { Button } from '../../parts/button.tsx';
import { ConfirmDialog } from '../../parts/confirm-dialog.tsx';
import { CopyField } from '../../parts/copy-field.tsx';
import { createSubmit } from '../../parts/create-submit.ts';
import { Dialog } from '../../parts/dialog.tsx';
import { Field } from '../../parts/field.tsx';
import { toast } from '../../parts/toast.tsx';
import { LEAST_RIGHTS, type Rights, RightsFields } from './rights-fields.tsx';

const DAY_MS = 86_400_000;
const DEFAULT_DAYS = 90;

interface DialogProps {
  readonly onClose: () => void;
  readonly onDone: () => void;
}

/** Local time as the input `datetime-local` has it, `days` ahead. */
function localTime(days: number): string {
  const at = new Date(Date.now() + days * DAY_MS);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** Text that is no time goes to the server, which says so beside the field. */
const isoOf = (local: string): string => (Number.isNaN(Date.parse(local)) ? local : new Date(local).toISOString());

export function AddTokenDialog(props: DialogProps & { readonly open: boolean }) {
  const [name, setName] = createSignal('');
  const [rights, setRights] = createSignal<Rights>(LEAST_RIGHTS);
  const [end, setEnd] = createSignal('');
  const [token, setToken] = createSignal<string | null>(null);
  const { error, busy, submit, clear } = createSubmit(
    () => {
      const body = { name: name().trim(), ...rights(), expiresAt: isoOf(end()) };
      return request<TokenAdded>('/api/tokens', { method: 'POST', body });
    },
    (added) => {
      setToken(added.token);
      props.onDone();
    },
  );
  createEffect(
    on(
      () => props.open,
      () => {
        setName('');
        setRights(LEAST_RIGHTS);
        setEnd(localTime(DEFAULT_DAYS));
        // Shown once: gone with the dialog.
        setToken(null);
        clear();
      },
    ),
  );
  return (
    <Dialog id="add-token" open={props.open} onOpenChange={props.onClose} title={t('system.tokens.add')}>
      <Show
        when={token()}
        fallback={
          <form class="form" onSubmit={submit}>
            <Field name="name" label={t('system.tokens.name')} value={name()} onInput={setName} error={error()} />
            <RightsFields rights={rights()} onChange={setRights} />
            <Field
              name="expiresAt"
              type="datetime-local"
              label={t('system.tokens.expires')}
              hint={t('system.tokens.expiresHint')}
              value={end()}
              onInput={setEnd}
              error={error()}
            />
            <FormError error={error()} fields={['name', 'expiresAt']} />
            <div class="actions">
              <Button onClick={() => props.onClose()}>{t('shell.cancel')}</Button>
              <Button type="submit" look="primary" disabled={busy()}>
                {t('system.tokens.add')}
              </Button>
            </div>
          </form>
        }
      >
        {(given) => (
          <>
            <p>{t('system.tokens.once')}</p>
            <CopyField name="token" label={t('system.tokens.token')} value={given()} />
            <div class="actions">
              <Button look="primary" onClick={() => props.onClose()}>
                {t('shell.close')}
              </Button>
            </div>
          </>
        )}
      </Show>
    </Dialog>
  );
}

export const RemoveTokenDialog = (props: DialogProps & { readonly token: TokenView | null }) => (
  <ConfirmDialog
    id="remove-token"
    open={props.token !== null}
    onClose={props.onClose}
    title={t('system.tokens.removeOf', { name: props.token?.name ?? '' })}
    description={t('system.tokens.removeHint')}
    action={t('system.tokens.remove')}
    run={() => request(`/api/tokens/${props.token?.id ?? ''}`, { method: 'DELETE' })}
    onDone={() => {
      toast({ type: 'success', text: t('system.tokens.removed', { name: props.token?.name ?? '' }) });
      props.onDone();
      props.onClose();
    }}
  />
);
