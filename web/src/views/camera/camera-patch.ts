/** The settings of a camera as a form has them, and the change that they make. Pure. */
import type { CameraView } from '../../feed/cameras.ts';
import { numberOrText } from '../../parts/number-or-text.ts';
import type { CommonSettings } from './camera-fields.tsx';

export interface CameraSettings extends CommonSettings {
  readonly name: string;
  /** Empty: as it is. The present one is shown without its password, and cannot be sent back. */
  readonly url: string;
  readonly enabled: boolean;
}

export const settingsOf = (view: CameraView): CameraSettings => ({
  name: view.name,
  url: '',
  enabled: view.enabled,
  intervalSeconds: String(view.intervalSeconds),
  freshnessSeconds: view.freshnessSeconds === undefined ? '' : String(view.freshnessSeconds),
  prompt: view.prompt ?? '',
  transport: view.transport ?? 'auto',
  certificateSha256: view.certificateSha256 ?? '',
  groups: view.groups ?? [],
});

/** Fields that may be empty: null is sent, and the default is taken. */
const OPTIONAL = new Set(['freshnessSeconds', 'prompt', 'transport', 'certificateSha256', 'groups']);
const NUMBERS = new Set(['intervalSeconds', 'freshnessSeconds']);

/** The fields that differ, as `PATCH` takes them. An invalid number is sent as text: the server refuses it. */
export function patchOf(before: CameraSettings, after: CameraSettings): Record<string, unknown> {
  const changed = Object.entries(after).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name as keyof CameraSettings]),
  );
  return Object.fromEntries(changed.map(([name, value]) => [name, sent(name, value)]));
}

function sent(name: string, value: string | boolean | readonly string[]): unknown {
  if (typeof value === 'boolean') return value;
  if (typeof value !== 'string') return value.length === 0 ? null : [...value];
  const text = value.trim();
  if (OPTIONAL.has(name) && (text === '' || (name === 'transport' && text === 'auto'))) return null;
  return NUMBERS.has(name) ? numberOrText(text) : text;
}
