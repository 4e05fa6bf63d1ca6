/** Scenes of the project's own generator, made one at a time as they are played. */
import { EVENT_KINDS } from '../../src/messages/scene-constants.ts';
import { generateScene } from './generator/generate.ts';
import type { DangerScene } from './scene-folder.ts';

const SECONDS = 60;
const QUIET_SCENES = 5;
/** Of a scene amid quiet hours, s. */
const QUIET_SECONDS = 600;

/** `rounds` of one for each kind of event, and some quiet ones. */
export function* ownScenes(seed: number, rounds: number): Generator<DangerScene> {
  for (let round = 0; round < rounds; round += 1) {
    const first = seed + round * 100;
    for (const [index, kind] of EVENT_KINDS.entries())
      yield generateScene({ seed: first + index, kind, seconds: SECONDS });
    for (let index = 0; index < QUIET_SCENES; index += 1) {
      yield generateScene({ seed: first + 50 + index, kind: null, seconds: SECONDS });
    }
  }
}

/** A crowded avenue: some 45 road users in the picture. */
export const crowdedScene = (): DangerScene =>
  generateScene({ seed: 4, kind: null, seconds: 15, worlds: ['avenue'], flow: 40 });

/** Quiet scenes that make up so many hours. */
export function* quietScenes(seed: number, hours: number): Generator<DangerScene> {
  const count = Math.max(1, Math.round((hours * 3_600) / QUIET_SECONDS));
  for (let index = 0; index < count; index += 1) {
    yield generateScene({ seed: seed * 10_000 + index, kind: null, seconds: QUIET_SECONDS });
  }
}
