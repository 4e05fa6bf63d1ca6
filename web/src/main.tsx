/** Starts the page. */
import { HashRouter, Navigate, Route } from '@solidjs/router';
import { createEffect, createRoot, For, lazy, untrack } from 'solid-js';
import { render } from 'solid-js/web';
import { takeTokenFromAddress } from './api/request.ts';
import { loadSession, principal, sessionLoaded } from './api/session.ts';
import { startCalls } from './app/call-operator.ts';
import { watchHealth } from './app/health.ts';
import { applyPreferences, loadPreferences } from './app/preferences.ts';
import { NotFound } from './app/not-found.tsx';
import { ROUTES } from './app/routes.ts';
import { Shell } from './app/shell.tsx';
import { startAlarms } from './feed/alarms.ts';
import { feedState, startFeed } from './feed/feed.ts';
import './theme/theme.css';
import './theme/base.css';
import './parts/parts.css';

const root = document.getElementById('page');
if (root === null) throw new Error('the page has no element #page');

takeTokenFromAddress();
// Behind a proxy the address may lack the slash at its end, and relative links would lead elsewhere.
if (document.querySelector('base') !== null) history.replaceState(null, '', new URL(location.hash, document.baseURI));
applyPreferences();

render(
  () => (
    <HashRouter root={Shell}>
      <Route path="/" component={() => <Navigate href="/wall" />} />
      <For each={ROUTES}>{({ path, component }) => <Route path={path} component={component} />}</For>
      <Route path="/setup/:link" component={lazy(() => import('./app/setup-view.tsx'))} />
      <Route path="*" component={NotFound} />
    </HashRouter>
  ),
  root,
);

watchHealth();
startAlarms();
startCalls();
startFeed();
createRoot(() => {
  createEffect(() => {
    // A server that was away is asked once the feed is back.
    if (feedState() === 'live' && !untrack(sessionLoaded)) void loadSession().catch(() => undefined);
  });
  createEffect(() => {
    if (principal() !== null) void loadPreferences();
  });
});
void loadSession().catch(() => undefined);
