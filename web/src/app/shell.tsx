/** The frame around every view: header, navigation, notices, dialogs that any view may need. */
import { A, useLocation } from '@solidjs/router';
import { createEffect, ErrorBoundary, For, type ParentProps, Show, Suspense } from 'solid-js';
import { refusals } from '../api/request.ts';
import { setAsking } from '../api/session.ts';
import { cameraIds, cameraViews } from '../feed/cameras.ts';
import { feedState } from '../feed/feed.ts';
import { t } from '../i18n/index.ts';
import { Button } from '../parts/button.tsx';
import { Toasts } from '../parts/toast.tsx';
import { AlarmBell } from './alarm-bell.tsx';
import { notices } from './notices.ts';
import { NAVIGATION } from './routes.ts';
import { SignInDialog } from './sign-in.tsx';
import { UserMenu } from './user-menu.tsx';
import './shell.css';

export function Shell(props: ParentProps) {
  const location = useLocation();
  createEffect(() => {
    if (refusals() > 0) setAsking(true);
  });
  return (
    <>
      <a class="skip" href="#content" onClick={focusContent}>
        {t('shell.skip')}
      </a>
      <header class="top">
        <h1>Gantry</h1>
        <nav aria-label={t('shell.navigation')}>
          <For each={NAVIGATION}>
            {({ path, name }) => (
              <A href={path} aria-current={location.pathname.startsWith(path) ? 'page' : undefined}>
                {t(name)}
              </A>
            )}
          </For>
        </nav>
        <p class="summary muted">{summary()}</p>
        <span id="feed-state" class="pill" role="status" data-state={feedState()}>
          {t(`shell.feed.${feedState()}`)}
        </span>
        <AlarmBell />
        <UserMenu />
      </header>
      <div id="notices" role="status" aria-live="polite" aria-label={t('shell.notices')}>
        <For each={notices()}>
          {(notice) => (
            <p class="notice" data-level={notice.level}>
              {notice.text} <Show when={notice.link}>{(link) => <A href={link().href}>{link().text}</A>}</Show>
            </p>
          )}
        </For>
      </div>
      <main id="content" tabindex="-1">
        <ErrorBoundary fallback={(error: unknown, reset) => <Failed error={error} retry={reset} />}>
          <Suspense fallback={<p class="empty">{t('shell.loading')}</p>}>{props.children}</Suspense>
        </ErrorBoundary>
      </main>
      <SignInDialog />
      <Toasts />
    </>
  );
}

/** The address is a route's: the link moves the focus only. */
function focusContent(event: MouseEvent): void {
  event.preventDefault();
  document.getElementById('content')?.focus();
}

function summary(): string {
  const total = cameraIds().length;
  if (total === 0) return '';
  const online = [...cameraViews().values()].filter(({ status }) => status.state === 'online').length;
  return t(total === 1 ? 'shell.cameraSummaryOne' : 'shell.cameraSummary', { cameras: total, online });
}

function Failed(props: { error: unknown; retry: () => void }) {
  const reason = () => (props.error instanceof Error ? props.error.message : String(props.error));
  return (
    <div class="empty" role="alert">
      <p>{t('shell.failed', { reason: reason() })}</p>
      <Button onClick={() => props.retry()}>{t('shell.retry')}</Button>
    </div>
  );
}
