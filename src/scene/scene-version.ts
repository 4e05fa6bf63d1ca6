import { createHash } from 'node:crypto';
import type { SceneChange, SceneConfig } from '../messages/scene.ts';

/** A name for the content of a scene: the same on every node and after a restart, whatever the order of its fields. */
export const sceneVersion = (scene: SceneConfig): string =>
  createHash('sha256').update(JSON.stringify(scene, inOrder)).digest('base64url').slice(0, 22);

/** Sorts the fields of each object, for `JSON.stringify`. */
const inOrder = (_name: string, value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
    : value;

/** The scene that a change expects to replace: one of these versions, any scene, or none. */
export type SceneCondition = { readonly versions: readonly string[] } | 'any' | 'none';

/** The person behind a change of a camera, and the scene that they expect it to find; null: whichever there is. */
export interface SceneChanger {
  readonly change: SceneChange;
  readonly expects: SceneCondition | null;
}

/** @param scene the present one; null: the camera has none */
export function isExpected(condition: SceneCondition, scene: SceneConfig | null): boolean {
  if (scene === null) return condition === 'none';
  if (typeof condition === 'string') return condition === 'any';
  return condition.versions.includes(sceneVersion(scene));
}
