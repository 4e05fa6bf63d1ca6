import type { FastifyRequest } from 'fastify';
import { type SceneChanger, type SceneCondition, sceneVersion } from '../../scene/scene-version.ts';
import type { SceneConfig } from '../../messages/scene.ts';
import type { Clock } from '../../runtime/clock.ts';
import { HttpError } from '../errors/http-error.ts';
import { safeValue } from '../errors/safe-value.ts';
import type { CameraPort } from '../ports.ts';

export const sceneTag = (scene: SceneConfig): string => `"${sceneVersion(scene)}"`;

/** Tags in a list of one request. */
const MOST_TAGS = 16;
/** Proxies that compress make a tag weak. It stands for the content of the scene, so it counts all the same. */
const TAG = /^(?:W\/)?"([\x21\x23-\x7E]{0,64})"$/u;

/** The person behind a request, and the scene that it expects to replace. Throws `INVALID_FIELD`. */
export const changerOf = ({ headers, principal }: FastifyRequest, clock: Pick<Clock, 'now'>): SceneChanger => ({
  change: { by: principal.name, at: new Date(clock.now()).toISOString() },
  expects: conditionOf(headers['if-match'], headers['if-none-match']),
});

function conditionOf(match: string | undefined, noneMatch: string | undefined): SceneCondition | null {
  if (noneMatch !== undefined) {
    if (noneMatch.trim() !== '*' || match !== undefined) {
      throw invalid('if-none-match', 'must be *, and without If-Match', noneMatch);
    }
    return 'none';
  }
  if (match === undefined) return null;
  if (match.trim() === '*') return 'any';
  const tags = match.split(',').map((each) => TAG.exec(each.trim())?.[1]);
  const versions = tags.filter((tag) => tag !== undefined);
  if (versions.length !== tags.length || tags.length > MOST_TAGS) {
    throw invalid('if-match', 'must be * or the ETag of a scene, in quotes', match);
  }
  return { versions };
}

function invalid(field: string, message: string, received: string): HttpError {
  return new HttpError('INVALID_FIELD', `${field}: ${message}`, { field, value: safeValue(field, received) });
}

/** The refusal of a change that expected another scene; it names the last person who changed it, where known. */
export async function sceneChanged(
  cameras: Pick<CameraPort, 'scene'>,
  { id, received }: { readonly id: string; readonly received: string | undefined },
): Promise<HttpError> {
  const now = await cameras.scene(id);
  const changed = now?.changed ?? null;
  const who = changed === null ? 'it was changed' : `${changed.by} changed it at ${changed.at}`;
  const message = `the scene of ${id} is not the expected one: ${who}; read it again`;
  const field = received === undefined ? 'if-none-match' : 'if-match';
  return new HttpError('SCENE_CHANGED', `${field}: ${message}`, { field, value: safeValue(field, received ?? '*') });
}
