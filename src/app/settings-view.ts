import { parseArgs } from 'node:util';
import type { SettingList } from '../http/schemas/system-schema.ts';
import { redactShort, redactUrl } from '../infra/redact.ts';
import { urlOrigin } from '../infra/url-origin.ts';
import { type Setting, SETTINGS } from './settings-table.ts';

type Env = Readonly<Record<string, string | undefined>>;
type View = SettingList['settings'][number];

/** The settings of a process with these arguments and this environment, in the order of the table. */
export function settingsView(args: readonly string[], env: Env): SettingList {
  // The start has refused what it does not know; here nothing throws.
  const { values } = parseArgs({ args: [...args], strict: false, options: OPTIONS });
  return { settings: SETTINGS.map((setting) => viewOf(setting, values, env)) };
}

const OPTIONS = Object.fromEntries(
  SETTINGS.flatMap(({ option }) => (option === null ? [] : [[option, { type: 'string' } as const]])),
);

function viewOf(setting: Setting, options: Readonly<Record<string, unknown>>, env: Env): View {
  const { name, default: preset, meaning, option } = setting;
  const given = option === null ? undefined : options[option];
  const own = env[name] ?? '';
  const inFile = (env[`${name}_FILE`] ?? '') !== '';
  const about = { name, default: preset, meaning };
  if (typeof given === 'string') return { ...about, value: shown(setting, given), source: 'option' };
  if (own !== '') return { ...about, value: shown(setting, own), source: 'environment' };
  // A file holds a secret, or an address with one.
  if (inFile && MAY_BE_FILES.has(name)) return { ...about, value: 'set', source: 'environment' };
  return { ...about, value: setting.shown === 'secret' ? 'not set' : preset, source: 'default' };
}

const MAY_BE_FILES: ReadonlySet<string> = new Set(
  SETTINGS.filter((setting) => setting.shown === 'secret' || setting.shown === 'address').map(({ name }) => name),
);

function shown(setting: Setting, value: string): string {
  if (setting.shown === 'secret') return 'set';
  // Up to the last sign of a login: passwords have all kinds of signs, and a token alone looks like a user's name.
  if (setting.shown === 'address') return redactUrl(value.replace(/\/\/.*@/su, '//***@'));
  return setting.shown === 'origins'
    ? value
        .split(',')
        .map((url) => urlOrigin(url.trim()))
        .join(', ')
    : redactShort(value);
}
