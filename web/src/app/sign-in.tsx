/** The dialog that asks who uses the page: password, single sign-on, or a token. */
import { useLocation } from '@solidjs/router';
import { createSignal, Show } from 'solid-js';
import { here } from '../api/request.ts';
import { asking, session, setAsking, signIn, useToken } from '../api/session.ts';
import { t } from '../i18n/index.ts';
import { Button } from '../parts/button.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { Field } from '../parts/field.tsx';
import { FormError } from '../parts/form-error.tsx';

export function SignInDialog() {
  const place = useLocation();
  /** Leads back to the present place on the page. */
  const oidcAddress = (): string => {
    const address = here('/api/login/oidc');
    address.searchParams.set('to', `#${place.pathname}`);
    return address.href;
  };
  // A one-time link needs no sign-in.
  const redeems = () => place.pathname.startsWith('/setup/');
  const [wantsToken, setWantsToken] = createSignal(false);
  const byPassword = () => session().signIn.password && !wantsToken();
  return (
    <Dialog
      id="sign-in"
      open={asking() && !redeems()}
      onOpenChange={setAsking}
      required
      title={byPassword() || !session().signIn.accessToken ? t('shell.signIn.title') : t('shell.signIn.tokenTitle')}
    >
      <Show when={byPassword()} fallback={<TokenForm />}>
        <PasswordForm />
      </Show>
      <Show when={session().signIn.oidc}>
        {(oidc) => (
          <a class="button" href={oidcAddress()}>
            {t('shell.signIn.oidc', { provider: oidc().label })}
          </a>
        )}
      </Show>
      <Show when={session().signIn.password && session().signIn.accessToken}>
        <Button look="quiet" onClick={() => setWantsToken(!wantsToken())}>
          {wantsToken() ? t('shell.signIn.usePassword') : t('shell.signIn.useToken')}
        </Button>
      </Show>
    </Dialog>
  );
}

function PasswordForm() {
  const [user, setUser] = createSignal('');
  const [password, setPassword] = createSignal('');
  const [error, setError] = createSignal<unknown>(null);
  const [busy, setBusy] = createSignal(false);
  const submit = async (): Promise<void> => {
    setBusy(true);
    setError(null);
    try {
      await signIn(user(), password());
    } catch (thrown) {
      setError(thrown);
      setPassword('');
    } finally {
      setBusy(false);
    }
  };
  return (
    <form
      class="form"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <Field name="user" label={t('shell.signIn.user')} value={user()} onInput={setUser} autocomplete="username" />
      <Field
        name="password"
        type="password"
        label={t('shell.signIn.password')}
        value={password()}
        onInput={setPassword}
        autocomplete="current-password"
        error={error()}
      />
      <FormError error={error()} fields={['user', 'password']} />
      <Button type="submit" look="primary" disabled={busy()}>
        {t('shell.signIn.submit')}
      </Button>
    </form>
  );
}

function TokenForm() {
  const [value, setValue] = createSignal('');
  const submit = (): void => {
    if (value() !== '') void useToken(value()).catch(() => setAsking(true));
  };
  return (
    <form
      class="form"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <Field
        name="token"
        type="password"
        label={t('shell.signIn.token')}
        hint={t('shell.signIn.tokenHint')}
        value={value()}
        onInput={setValue}
        autocomplete="current-password"
      />
      <Button type="submit" look="primary">
        {t('shell.signIn.continue')}
      </Button>
    </form>
  );
}
