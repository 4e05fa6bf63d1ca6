import { createEffect, createSignal, on } from 'solid-js';
import { principal } from '../api/session.ts';
import { request } from '../api/request.ts';
import { t } from '../i18n/index.ts';
import { Button } from '../parts/button.tsx';
import { createSubmit } from '../parts/create-submit.ts';
import { Dialog } from '../parts/dialog.tsx';
import { Field } from '../parts/field.tsx';
import { NewPassword } from '../parts/new-password.tsx';
import { toast } from '../parts/toast.tsx';
import { FormError } from '../parts/form-error.tsx';

/** Changes the password of whoever is signed in. */
export function OwnPasswordDialog(props: { open: boolean; onClose: () => void }) {
  const [current, setCurrent] = createSignal('');
  const [password, setPassword] = createSignal('');
  const [repeated, setRepeated] = createSignal('');
  const differs = () => repeated() !== '' && repeated() !== password();
  const { error, busy, submit, clear } = createSubmit(
    () => request('/api/session/password', { method: 'PUT', body: { current: current(), password: password() } }),
    () => {
      toast({ type: 'success', text: t('shell.ownPassword.changed') });
      props.onClose();
    },
  );
  createEffect(
    on(
      () => props.open,
      () => {
        // Passwords are not kept on the page.
        for (const set of [setCurrent, setPassword, setRepeated]) set('');
        clear();
      },
    ),
  );
  return (
    <Dialog
      id="own-password"
      open={props.open}
      onOpenChange={props.onClose}
      title={t('shell.ownPassword.title')}
      description={t('shell.ownPassword.hint')}
    >
      <form class="form" onSubmit={submit}>
        <input type="text" name="username" autocomplete="username" value={principal()?.name ?? ''} hidden />
        <Field
          name="current"
          type="password"
          label={t('shell.ownPassword.current')}
          value={current()}
          onInput={setCurrent}
          autocomplete="current-password"
          error={error()}
        />
        <NewPassword
          label={t('shell.ownPassword.password')}
          password={password()}
          repeated={repeated()}
          onPassword={setPassword}
          onRepeated={setRepeated}
          differs={differs()}
          error={error()}
        />
        <FormError error={error()} fields={['current', 'password']} />
        <div class="actions">
          <Button onClick={() => props.onClose()}>{t('shell.cancel')}</Button>
          <Button type="submit" look="primary" disabled={busy() || repeated() !== password()}>
            {t('shell.ownPassword.submit')}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
