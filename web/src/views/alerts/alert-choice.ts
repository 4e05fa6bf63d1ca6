/** The filters of the list, as the address of the page and the query of the API have them. Pure. */
import { EVENT_KINDS, type EventKind } from '../../../../src/messages/scene-constants.ts';

export const LEVELS = ['high', 'medium', 'low', 'none', 'unknown'] as const;
export const STATES = ['open', 'acknowledged', 'shelved'] as const;
export const VERDICTS = ['true', 'false', 'unclear', 'none'] as const;

export interface AlertChoice {
  /** Of each list any may hold; an empty one is no condition. */
  readonly cameraIds: readonly string[];
  readonly kinds: readonly EventKind[];
  readonly levels: readonly (typeof LEVELS)[number][];
  readonly states: readonly (typeof STATES)[number][];
  readonly verdicts: readonly (typeof VERDICTS)[number][];
  /** Empty: every group. */
  readonly group: string;
  /** Days as YYYY-MM-DD of the local time, both included; empty: open. */
  readonly from: string;
  readonly to: string;
  readonly text: string;
}

const MOST_CAMERAS = 500;
const MOST_TEXT = 200;
const DAY = /^\d{4}-\d{2}-\d{2}$/u;

type Params = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Reads the parameters of an address. Values that are none of a filter's are left out. */
export function readAlertChoice(params: Params): AlertChoice {
  const one = (name: string): string => {
    const value = params[name];
    return typeof value === 'string' ? value : (value?.[0] ?? '');
  };
  const some = <T extends string>(name: string, known: readonly T[]): T[] => {
    const given = new Set(one(name).split(','));
    return known.filter((value) => given.has(value));
  };
  const day = (name: string): string => (isDay(one(name)) ? one(name) : '');
  const cameraIds = [...new Set(one('cameraId').split(','))].filter((id) => id !== '').slice(0, MOST_CAMERAS);
  return {
    cameraIds,
    kinds: some('kind', EVENT_KINDS),
    levels: some('level', LEVELS),
    states: some('state', STATES),
    verdicts: some('verdict', VERDICTS),
    group: one('group'),
    from: day('from'),
    to: day('to'),
    text: one('text').slice(0, MOST_TEXT),
  };
}

const isDay = (text: string): boolean => DAY.test(text) && !Number.isNaN(Date.parse(text));

/** The parameters of a choice; null removes one from an address. */
export const addressOf = (choice: AlertChoice): Record<string, string | null> => ({
  cameraId: orNull(choice.cameraIds.join(',')),
  kind: orNull(choice.kinds.join(',')),
  level: orNull(choice.levels.join(',')),
  state: orNull(choice.states.join(',')),
  verdict: orNull(choice.verdicts.join(',')),
  group: orNull(choice.group),
  from: orNull(choice.from),
  to: orNull(choice.to),
  text: orNull(choice.text),
});

const orNull = (text: string): string | null => (text === '' ? null : text);

/** The query of the API: days become the local midnights around them. */
export function apiQuery(choice: AlertChoice): URLSearchParams {
  const { from, to, ...others } = addressOf(choice);
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(others)) if (value !== null) query.set(name, value);
  if (typeof from === 'string') query.set('from', new Date(`${from}T00:00:00`).toISOString());
  // The last moment of the day: the API includes both ends.
  if (typeof to === 'string') query.set('to', new Date(`${to}T23:59:59.999`).toISOString());
  return query;
}

/** How many filters there are. */
export const chosenFilters = (choice: AlertChoice): number =>
  Object.values(addressOf(choice)).filter((value) => value !== null).length;
