/** In whose name the page is used: the session, its role and scope. */
import { createSignal } from 'solid-js';
import type { SessionReply } from '../../../src/http/schemas/accounts-schema.ts';
import type { Principal, UserRole } from '../../../src/messages/principal.ts';
import { request, setCsrf, setToken } from './request.ts';

/** Until the server said more. */
const UNKNOWN: SessionReply = {
  principal: null,
  csrf: null,
  signIn: { password: false, oidc: null, accessToken: true },
  open: false,
  notice: null,
};

const STEP: Readonly<Record<UserRole, number>> = { viewer: 0, operator: 1, admin: 2 };

const [session, setSession] = createSignal<SessionReply>(UNKNOWN);
const [signIns, setSignIns] = createSignal(0);
const [asking, setAsking] = createSignal(false);
const [loaded, setLoaded] = createSignal(false);
export { asking, session, setAsking };
/** Whether the server said who uses the page. */
export const sessionLoaded = loaded;
/** Grows with each sign-in: whoever loads data loads it again. */
export { signIns };

export const principal = (): Principal | null => session().principal;

/** Whether the user may do what `role` may. The server decides; the page hides what would be refused. */
export const may = (role: UserRole): boolean => {
  const own = principal()?.role;
  return own !== undefined && STEP[own] >= STEP[role];
};

/** Whether the user may do what `role` may, for every camera and not for some groups only. */
export const mayAll = (role: UserRole): boolean => may(role) && principal()?.groups === null;

/** Asks the server for the session. Rejects while it is away. */
export async function loadSession(): Promise<void> {
  const reply = await request<SessionReply>('/api/session');
  setCsrf(reply.csrf);
  setSession(reply);
  setLoaded(true);
  if (reply.principal === null) setAsking(true);
}

/** Rejects with an {@link ApiError}: 401 for a wrong password, 429 after too many tries. */
export async function signIn(user: string, password: string): Promise<void> {
  setToken(null);
  await request('/api/login', { method: 'POST', body: { user, password } });
  await signedIn();
}

/** Signs in with a token; whether it is right shows with the next request. */
export async function useToken(value: string): Promise<void> {
  setToken(value);
  await signedIn();
}

export async function redeem(link: string, user: string, password: string): Promise<void> {
  const body = { link, password, ...(user === '' ? {} : { user }) };
  await request('/api/setup', { method: 'POST', body });
  await signedIn();
}

async function signedIn(): Promise<void> {
  setAsking(false);
  await loadSession();
  setSignIns((count) => count + 1);
}

/** Ends the session, here or everywhere. */
export async function signOut(everywhere: boolean): Promise<void> {
  await request('/api/logout', { method: 'POST', body: { everywhere } });
  setToken(null);
  await loadSession();
  setSignIns((count) => count + 1);
}
