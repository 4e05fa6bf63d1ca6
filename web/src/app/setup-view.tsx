/** Redeems a one-time link: the first admin's, an invitation's, or that of a password reset. */
import { useNavigate, useParams } from '@solidjs/router';
import { createSignal } from 'solid-js';
import { redeem } from '../api/session.ts';
import { t } from '../i18n/index.ts';
import { Button } from '../parts/button.tsx';
import { Field } from '../parts/field.tsx';
import { FormError } from '../parts/form-error.tsx';
import { NewPassword } from '../parts/new-password.tsx';

export default function SetupView() {
  const params = useParams<{ link: string }>();
  const navigate = useNavigate();
  const [user, setUser] = createSignal('');
  const [password, setPassword] = createSignal('');
  const [repeated, setRepeated] = createSignal('');
  const [error, setError] = createSignal<unknown>(null);
  const [differs, setDiffers] = createSignal(false);
  const submit = async (): Promise<void> => {
    setError(null);
    setDiffers(password() !== repeated());
    if (password() !== repeated()) return;
    try {
      await redeem(params.link, user().trim(), password());
      navigate('/wall', { replace: true });
    } catch (thrown) {
      setError(thrown);
    }
  };
  return (
    <form
      class="form narrow"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <h2>{t('shell.setup.title')}</h2>
      <p class="muted">{t('shell.setup.hint')}</p>
      <Field
        name="user"
        label={t('shell.setup.user')}
        hint={t('shell.setup.userHint')}
        value={user()}
        onInput={setUser}
        autocomplete="username"
        error={error()}
      />
      <NewPassword
        label={t('shell.setup.password')}
        password={password()}
        repeated={repeated()}
        onPassword={setPassword}
        onRepeated={setRepeated}
        differs={differs()}
        error={error()}
      />
      <FormError error={error()} fields={['user', 'password']} />
      <Button type="submit" look="primary">
        {t('shell.setup.submit')}
      </Button>
    </form>
  );
}
