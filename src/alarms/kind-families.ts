import type { EventKind } from '../messages/scene-constants.ts';

/** Kinds of events that go wrong together, and that operators look at with the same question. */
export type Family = 'conflict' | 'driving' | 'standing' | 'people';

const FAMILY: Readonly<Record<EventKind, Family>> = {
  collision: 'conflict',
  'near-miss': 'conflict',
  'near-miss-person': 'people',
  'wrong-way': 'driving',
  'stopped-vehicle': 'standing',
  'illegal-stop': 'standing',
  'person-on-road': 'people',
  'shoulder-use': 'standing',
  speeding: 'driving',
  tailgating: 'driving',
  'hard-braking': 'conflict',
  queue: 'standing',
  'u-turn': 'driving',
};
/** Of an alert about a group: `conflict`. */
export const familyOf = (kind: EventKind | null): Family => (kind === null ? 'conflict' : FAMILY[kind]);
