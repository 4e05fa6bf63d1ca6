/** The fields of the form that adds a camera, and the body that they make. Pure. */
import { numberOrText } from '../../parts/number-or-text.ts';
import type { CommonSettings } from '../camera/camera-fields.tsx';

export interface CameraFields extends CommonSettings {
  readonly cameraId: string;
  readonly name: string;
  readonly url: string;
}

export const EMPTY_FIELDS: CameraFields = {
  cameraId: '',
  name: '',
  url: '',
  intervalSeconds: '1.8',
  freshnessSeconds: '',
  prompt: '',
  transport: 'auto',
  certificateSha256: '',
  groups: [],
};

/** The fields that were filled in. An invalid number is sent as text, so that the server says why it is wrong. */
export function cameraBody(fields: CameraFields): Record<string, unknown> {
  const texts = ['cameraId', 'name', 'url', 'prompt', 'certificateSha256'] as const;
  const numbers = ['intervalSeconds', 'freshnessSeconds'] as const;
  const given = [
    ...texts.map((name) => [name, fields[name].trim()] as const),
    ...numbers.map((name) => [name, numberOrText(fields[name])] as const),
    ['transport', fields.transport === 'auto' ? '' : fields.transport] as const,
  ].filter(([, value]) => value !== '');
  return {
    ...Object.fromEntries(given),
    ...(fields.groups.length === 0 ? {} : { groups: [...fields.groups] }),
  };
}
