import type { CameraConfig } from '../messages/camera.ts';
import type { SceneConfig } from '../messages/scene.ts';

/** The fields to change; null takes the camera's own setting away. */
export type CameraPatch = Partial<Pick<CameraConfig, 'name' | 'url' | 'enabled' | 'intervalSeconds'>> & {
  readonly freshnessSeconds?: number | null;
  readonly prompt?: string | null;
  readonly transport?: CameraConfig['transport'] | null;
  readonly certificateSha256?: string | null;
  readonly groups?: readonly string[] | null;
  readonly scene?: SceneConfig | null;
};

/** A camera's settings after a change. */
export function patched(before: CameraConfig, patch: CameraPatch): CameraConfig {
  const { freshnessSeconds, prompt, transport, certificateSha256, groups, scene, ...fields } = patch;
  const {
    freshnessSeconds: oldFreshness,
    prompt: oldPrompt,
    transport: oldTransport,
    certificateSha256: oldCertificate,
    groups: oldGroups,
    scene: oldScene,
    ...others
  } = before;
  return {
    ...others,
    ...fields,
    ...setting('freshnessSeconds', freshnessSeconds, oldFreshness),
    ...setting('prompt', prompt, oldPrompt),
    ...setting('transport', transport, oldTransport),
    ...setting('certificateSha256', certificateSha256, oldCertificate),
    ...setting('groups', groups?.length === 0 ? null : groups?.slice(), oldGroups),
    ...setting('scene', scene, oldScene),
  };
}

/** `next` by name: undefined leaves `before`, null takes it away. */
function setting<K extends string, V>(name: K, next: V | null | undefined, before: V | undefined): { [P in K]?: V } {
  const value = next === undefined ? before : next;
  const named: { [P in K]?: V } = {};
  if (value !== undefined && value !== null) named[name] = value;
  return named;
}

/** A scene is changed in the running actor. */
const NEEDS_RESTART = [
  'url',
  'intervalSeconds',
  'enabled',
  'freshnessSeconds',
  'prompt',
  'transport',
  'certificateSha256',
] as const;

/** Whether a camera that runs has to begin anew with these settings. */
export const needsRestart = (before: CameraConfig, after: CameraConfig): boolean =>
  NEEDS_RESTART.some((field) => before[field] !== after[field]);
