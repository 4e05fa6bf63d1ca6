/** Language, theme, sound, notifications and the way out. */
import { createSignal, Show } from 'solid-js';
import { principal, session, signOut } from '../api/session.ts';
import { t } from '../i18n/index.ts';
import { Menu } from '../parts/menu.tsx';
import { toastFailure } from '../parts/toast.tsx';
import { chooseNotifications, chooseSound } from './call-operator.ts';
import { OwnPasswordDialog } from './own-password.tsx';
import { changePreferences, preferences, type Preferences } from './preferences.ts';

const THEMES: readonly Preferences['theme'][] = ['system', 'light', 'dark'];

export function UserMenu() {
  const label = () => {
    const own = principal();
    return own === null || own.via === 'open'
      ? t('shell.user.anyone')
      : `${own.name}, ${t(`shell.user.role.${own.role}`)}`;
  };
  const [changing, setChanging] = createSignal(false);
  const signedIn = () => principal() !== null && principal()?.via !== 'open';
  const leave = (everywhere: boolean): void => {
    signOut(everywhere).catch(toastFailure);
  };
  return (
    <>
      <Menu.Root label={`${t('shell.user.menu')}: ${label()}`} text={principal()?.name ?? '…'}>
        <p class="menu-note muted">{label()}</p>
        <Show when={session().open}>
          <p class="menu-note muted">{t('shell.user.open')}</p>
        </Show>
        <Menu.Radio
          label={t('shell.user.language')}
          value={preferences().language}
          items={[
            { value: 'en', label: 'English' },
            { value: 'zh', label: '中文' },
          ]}
          onChange={(language) => changePreferences({ language: language === 'zh' ? 'zh' : 'en' })}
        />
        <Menu.Radio
          label={t('shell.user.theme')}
          value={preferences().theme}
          items={THEMES.map((value) => ({ value, label: t(`shell.user.themes.${value}`) }))}
          onChange={(value) => changePreferences({ theme: THEMES.find((theme) => theme === value) ?? 'system' })}
        />
        <Menu.Check value="sound" checked={preferences().sound} onChange={chooseSound}>
          {t('shell.user.sound')}
        </Menu.Check>
        <Menu.Check
          value="notifications"
          checked={preferences().notifications}
          onChange={(wanted) => void chooseNotifications(wanted)}
        >
          {t('shell.user.notifications')}
        </Menu.Check>
        <Menu.Separator />
        <Menu.Link href={new URL('./docs', document.baseURI).href}>{t('shell.api')}</Menu.Link>
        <Show when={principal()?.via === 'session'}>
          <Menu.Item value="password" onSelect={() => setChanging(true)}>
            {t('shell.user.changePassword')}
          </Menu.Item>
        </Show>
        <Show when={signedIn()}>
          <Menu.Item value="here" onSelect={() => leave(false)}>
            {t('shell.user.signOut')}
          </Menu.Item>
        </Show>
        <Show when={principal()?.via === 'session'}>
          <Menu.Item value="everywhere" onSelect={() => leave(true)}>
            {t('shell.user.signOutEverywhere')}
          </Menu.Item>
        </Show>
      </Menu.Root>
      <OwnPasswordDialog open={changing()} onClose={() => setChanging(false)} />
    </>
  );
}
