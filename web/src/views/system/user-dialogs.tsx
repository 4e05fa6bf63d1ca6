/** Dialogs that add, change, reset and remove a user. */
import { useNavigate } from '@solidjs/router';
import { createEffect, createSignal, on, Show } from 'solid-js';
import type { LinkReply, UserAdded, UserView } from '../../../../src/http/schemas/accounts-schema.ts';
import { request } from '../../api/request.ts';
import { session } from '../../api/session.ts';
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

interface DialogProps {
  readonly onClose: () => void;
  /** The list changed. */
  readonly onDone: () => void;
}
type UserDialogProps = DialogProps & { readonly user: UserView | null };

/** Address that redeems a one-time link. */
const linkAddress = (link: string): string => new URL(`#/setup/${link}`, document.baseURI).href;
const pathOf = (name: string): string => `/api/users/${encodeURIComponent(name)}`;

export function AddUserDialog(props: DialogProps & { readonly open: boolean }) {
  const [name, setName] = createSignal('');
  const [rights, setRights] = createSignal<Rights>(LEAST_RIGHTS);
  const [link, setLink] = createSignal<string | null>(null);
  /** An open server closes with its first user: that must be an admin, who sets the password at once. */
  const [isFirst, setIsFirst] = createSignal(false);
  const navigate = useNavigate();
  const { error, busy, submit, clear } = createSubmit(
    () => request<UserAdded>('/api/users', { method: 'POST', body: { name: name().trim(), ...rights() } }),
    (added) => {
      if (isFirst() && added.link !== null) {
        props.onClose();
        navigate(`/setup/${added.link}`);
        return;
      }
      props.onDone();
      setLink(added.link);
      if (added.link === null) props.onClose();
    },
  );
  createEffect(
    on(
      () => props.open,
      () => {
        setName('');
        setIsFirst(session().open);
        setRights(session().open ? { role: 'admin', groups: null } : LEAST_RIGHTS);
        // The link is a secret: gone with the dialog.
        setLink(null);
        clear();
      },
    ),
  );
  return (
    <Dialog
      id="add-user"
      open={props.open}
      onOpenChange={props.onClose}
      title={t(isFirst() ? 'system.users.addFirst' : 'system.users.add')}
    >
      <Show
        when={link()}
        fallback={
          <form class="form" onSubmit={submit}>
            <Field
              name="name"
              label={t('system.users.name')}
              value={name()}
              onInput={setName}
              error={error()}
              hint={t(isFirst() ? 'system.users.addFirstHint' : 'system.users.addHint')}
            />
            <Show when={!isFirst()}>
              <RightsFields rights={rights()} onChange={setRights} />
            </Show>
            <FormError error={error()} fields={['name']} />
            <div class="actions">
              <Button onClick={() => props.onClose()}>{t('shell.cancel')}</Button>
              <Button type="submit" look="primary" disabled={busy()}>
                {t('system.users.add')}
              </Button>
            </div>
          </form>
        }
      >
        {(given) => <OneTimeLink name={name().trim()} link={given()} onClose={props.onClose} />}
      </Show>
    </Dialog>
  );
}

const OneTimeLink = (props: { name: string; link: string; onClose: () => void }) => (
  <>
    <p>{t('system.users.linkHint', { name: props.name })}</p>
    <CopyField name="link" label={t('system.users.link')} value={linkAddress(props.link)} />
    <div class="actions">
      <Button look="primary" onClick={() => props.onClose()}>
        {t('shell.close')}
      </Button>
    </div>
  </>
);

export function ChangeUserDialog(props: UserDialogProps) {
  const [rights, setRights] = createSignal<Rights>(LEAST_RIGHTS);
  const { error, busy, submit, clear } = createSubmit(
    () => request(pathOf(props.user?.name ?? ''), { method: 'PATCH', body: rights() }),
    () => {
      toast({ type: 'success', text: t('system.users.changed', { name: props.user?.name ?? '' }) });
      props.onDone();
      props.onClose();
    },
  );
  createEffect(
    on(
      () => props.user,
      (user) => {
        clear();
        if (user !== null) setRights({ role: user.role, groups: user.groups });
      },
    ),
  );
  return (
    <Dialog
      id="change-user"
      open={props.user !== null}
      onOpenChange={props.onClose}
      title={t('system.users.changeOf', { name: props.user?.name ?? '' })}
      description={t('system.users.changeHint')}
    >
      <form class="form" onSubmit={submit}>
        <RightsFields rights={rights()} onChange={setRights} />
        <FormError error={error()} fields={[]} />
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

export function ResetUserDialog(props: UserDialogProps) {
  const [link, setLink] = createSignal<string | null>(null);
  const { error, busy, submit, clear } = createSubmit(
    () => request<LinkReply>(`${pathOf(props.user?.name ?? '')}/reset`, { method: 'POST' }),
    (reply) => setLink(reply.link),
  );
  createEffect(
    on(
      () => props.user,
      () => {
        setLink(null);
        clear();
      },
    ),
  );
  return (
    <Dialog
      id="reset-user"
      open={props.user !== null}
      onOpenChange={props.onClose}
      title={t('system.users.resetOf', { name: props.user?.name ?? '' })}
    >
      <Show
        when={link()}
        fallback={
          <form class="form" onSubmit={submit}>
            <p>{t('system.users.resetHint')}</p>
            <FormError error={error()} fields={[]} />
            <div class="actions">
              <Button onClick={() => props.onClose()}>{t('shell.cancel')}</Button>
              <Button type="submit" look="primary" disabled={busy()}>
                {t('system.users.makeLink')}
              </Button>
            </div>
          </form>
        }
      >
        {(given) => <OneTimeLink name={props.user?.name ?? ''} link={given()} onClose={props.onClose} />}
      </Show>
    </Dialog>
  );
}

export const RemoveUserDialog = (props: UserDialogProps) => (
  <ConfirmDialog
    id="remove-user"
    open={props.user !== null}
    onClose={props.onClose}
    title={t('system.users.removeOf', { name: props.user?.name ?? '' })}
    description={t('system.users.removeHint')}
    action={t('system.users.remove')}
    run={() => request(pathOf(props.user?.name ?? ''), { method: 'DELETE' })}
    onDone={() => {
      toast({ type: 'success', text: t('system.users.removed', { name: props.user?.name ?? '' }) });
      props.onDone();
      props.onClose();
    }}
  />
);
