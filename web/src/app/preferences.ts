/** Choices of a user: kept in this browser, and by the server where it keeps them. */
import { createSignal } from 'solid-js';
import { browserLanguage, type Language, setLanguage } from '../i18n/index.ts';
import { request } from '../api/request.ts';

export interface Preferences {
  readonly theme: 'system' | 'light' | 'dark';
  readonly language: Language;
  readonly sound: boolean;
  readonly notifications: boolean;
  /** Of each view, under a name of its own. */
  readonly views: Readonly<Record<string, unknown>>;
}

const STORED = 'gantry-preferences';
/** Several changes in a row make one request. */
const SAVE_MS = 1_000;

const DEFAULTS: Preferences = {
  theme: 'system',
  language: browserLanguage(),
  sound: false,
  notifications: false,
  views: {},
};

const [current, setCurrent] = createSignal<Preferences>(readStored());
export const preferences = current;

let timer: ReturnType<typeof setTimeout> | undefined;

function readStored(): Preferences {
  try {
    return mergePreferences(DEFAULTS, JSON.parse(localStorage.getItem(STORED) ?? '{}'));
  } catch {
    // Storage is denied, or holds something else.
    return DEFAULTS;
  }
}

/** Known fields of a known kind win over `base`; the rest of what was stored is left out. */
export function mergePreferences(base: Preferences, stored: unknown): Preferences {
  const given: Partial<Record<keyof Preferences, unknown>> =
    typeof stored === 'object' && stored !== null ? stored : {};
  const { theme, language, sound, notifications, views } = given;
  return {
    theme: theme === 'light' || theme === 'dark' || theme === 'system' ? theme : base.theme,
    language: language === 'en' || language === 'zh' ? language : base.language,
    sound: typeof sound === 'boolean' ? sound : base.sound,
    notifications: typeof notifications === 'boolean' ? notifications : base.notifications,
    views: typeof views === 'object' && views !== null ? { ...base.views, ...views } : base.views,
  };
}

/** Applies the choices to the document; again whenever they change. */
function apply({ theme, language }: Preferences): void {
  setLanguage(language);
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
  if (theme === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme;
}

export function changePreferences(change: Partial<Preferences>): void {
  const next = { ...current(), ...change };
  setCurrent(next);
  apply(next);
  store(next);
  clearTimeout(timer);
  timer = setTimeout(() => void save(), SAVE_MS);
}

/** Choices of one view, as they were stored; `name` is its own. */
export const viewPreference = (name: string): unknown => current().views[name];
export const setViewPreference = (name: string, value: unknown): void =>
  changePreferences({ views: { ...current().views, [name]: value } });

function store(next: Preferences): void {
  try {
    localStorage.setItem(STORED, JSON.stringify(next));
  } catch {
    // Denied: the choice holds until the page is closed, or comes back from the server.
  }
}

async function save(): Promise<void> {
  try {
    await request('/api/preferences', { method: 'PUT', body: { value: current() } });
  } catch {
    // This browser has them; the server gets them with the next change.
  }
}

/** Applies this browser's choices, until the server's are there. */
export function applyPreferences(): void {
  apply(current());
}

/** Takes the server's choices, which the user may have made in another browser. */
export async function loadPreferences(): Promise<void> {
  try {
    const { value } = await request<{ value: unknown }>('/api/preferences');
    const next = mergePreferences(current(), value);
    setCurrent(next);
    apply(next);
    store(next);
  } catch {
    // This browser's choices hold; the notices say that the server is away.
  }
}
