import type { PoolFigures, RecentFigures, SchedulerFigures } from './scheduler-figures.ts';

type Key = PoolFigures['keys'][number];
type Model = PoolFigures['models'][number];

/** Keys or models named in one sentence; further ones are counted. */
const MOST_NAMED = 3;
const MOST_SENTENCES = 5;
/** Characters of a sentence. */
const LONGEST = 400;
/** A model counts as failing when this share of its last calls failed, of at least so many calls. */
const BAD_SHARE = 0.5;
const LEAST_CALLS = 5;
const LEAST_FAILED = 3;
/** A request that two keys refuse alike is not sent a third time. */
const LEAST_REJECTED = 2;

/** Whether models can assess groups, for an operator. No secret is in it. */
export interface AssessmentHealth {
  /** Message of the newest failed call; null when none failed. */
  readonly lastFailure: string | null;
  /** Why no model can assess; null while at least one key can serve. */
  readonly outage: string | null;
  /** Other problems to fix, one sentence each. */
  readonly defects: readonly string[];
}

/** Reads the health of assessment by models from the key pool's figures. Pure. */
export function assessmentHealthOf({ keys, models }: Pick<PoolFigures, 'keys' | 'models'>): AssessmentHealth {
  const wanted = wantedKeys({ keys });
  const out = wanted.filter(isOut);
  const serving = wanted.filter((key) => !isOut(key) && !isResting(key)).length;
  const silent = models.filter(answersNothing);
  const lastFailure = models.map(({ last_failure }) => last_failure).find((failure) => failure !== null) ?? null;
  if (wanted.length > 0 && serving === 0) return { lastFailure, outage: short(keysSentence(wanted)), defects: [] };
  const used = models.filter(({ recent }) => recent > 0);
  if (used.length > 0 && used.every((model) => silent.includes(model)))
    return {
      lastFailure,
      outage: short(`No model can assess: ${silent.map(silenceOf).slice(0, MOST_NAMED).join('; ')}`),
      defects: [],
    };
  const idle = idleModels(wanted);
  const sentences = [
    ...[...idle].map(([name, list]) => `${name} does not assess: ${reasonsOf(list).join('; ')}`),
    ...byReason(out.filter((key) => !idle.has(nameOf(key)))).map(
      ([reason, names]) => `${keysNamed(names)} out (${reason}); the others serve`,
    ),
    ...silent.filter((model) => !idle.has(nameOf(model))).map(silenceOf),
  ];
  return { lastFailure, outage: null, defects: sentences.slice(0, MOST_SENTENCES).map(short) };
}

/** Keys that are meant to be used, whatever state they are in. */
export const wantedKeys = ({ keys }: Pick<PoolFigures, 'keys'>): readonly Key[] =>
  keys.filter(({ disabled_reason }) => disabled_reason === null || !isSwitchedOff(disabled_reason));

/** Whether the operator switched the key off, so that nothing is wrong with it. */
const isSwitchedOff = (reason: string): boolean => /^(?:disabled|drained) /u.test(reason);
/** The keys of each model of which none can serve now, by the model's name. */
const idleModels = (keys: readonly Key[]): ReadonlyMap<string, readonly Key[]> =>
  new Map([...Map.groupBy(keys, nameOf)].filter(([, list]) => list.every((key) => isOut(key) || isResting(key))));

const isResting = ({ status }: Key): boolean => status === 'cooling';
const isOut = (key: Key): boolean => key.status === 'disabled' && key.disabled_reason !== null;

function keysSentence(keys: readonly Key[]): string {
  // Pictures that were handed in wait for a resting key.
  const meanwhile = keys.some(isResting) ? ' meanwhile' : '';
  return `No model can assess: ${reasonsOf(keys).join('; ')}. The rules answer${meanwhile}`;
}

/** Why these keys, none of which can serve, are out or rest. */
function reasonsOf(keys: readonly Key[]): readonly string[] {
  const resting = keys.filter(isResting);
  const refused = byReason(keys.filter(isOut)).map(([reason, names]) => `${keysNamed(names)} out (${reason})`);
  const rest =
    resting.length === 0 ? [] : [`${keysNamed(resting.map(({ key_id }) => key_id))} resting (${coolingOf(resting)})`];
  return [...refused, ...rest].slice(0, MOST_SENTENCES);
}

function coolingOf(keys: readonly Key[]): string {
  const causes = [...new Set(keys.map(({ last_error_code }) => last_error_code ?? 'a failure'))].join(', ');
  const until = keys.map(({ cooldown_until }) => cooldown_until ?? '').toSorted()[0] ?? '';
  return `${causes}${until === '' ? '' : `, the first until ${until}`}`;
}

/** Names of keys by the reason why they are out, in the order of the keys. */
function byReason(keys: readonly Key[]): readonly (readonly [string, readonly string[]])[] {
  return [...Map.groupBy(keys, ({ disabled_reason }) => disabled_reason ?? '')].map(
    ([reason, list]) => [reason, list.map(({ key_id }) => key_id)] as const,
  );
}

function keysNamed(names: readonly string[]): string {
  const more = names.length > MOST_NAMED ? ` and ${names.length - MOST_NAMED} more` : '';
  return names.length === 1 ? `key ${names[0] ?? ''} is` : `keys ${names.slice(0, MOST_NAMED).join(', ')}${more} are`;
}

function answersNothing({ recent, unreadable, rejected, failing, reasoning_only, content_refused }: Model): boolean {
  const failed = unreadable + rejected + failing;
  const enough =
    recent >= LEAST_CALLS ||
    (rejected === recent && recent >= LEAST_REJECTED) ||
    (unreadable + failing === recent && recent >= LEAST_FAILED) ||
    reasoning_only === recent;
  return recent > content_refused && enough && failed >= BAD_SHARE * recent;
}

function silenceOf(found: Model): string {
  const { recent, unreadable, rejected, failing, reasoning_only, last_failure } = found;
  const head = nameOf(found);
  if (reasoning_only > 0 && reasoning_only >= unreadable / 2)
    return `${head}: reasoning eats all tokens of ${reasoning_only} of the last ${recent} answers; ${REMEDY}`;
  const why = last_failure === null ? '' : ` (${last_failure})`;
  if (failing > unreadable) return `${head}: ${failing} of the last ${recent} calls failed${why}`;
  if (rejected > unreadable) return `${head} refuses ${rejected} of the last ${recent} requests${why}`;
  return `${head}: ${unreadable} of the last ${recent} answers cannot be read${why}`;
}

const REMEDY = 'raise max_output_tokens or set extra_body (enable_thinking: false, say)';
const nameOf = ({ model, base_url }: Pick<Model, 'model' | 'base_url'>): string =>
  `model ${model} at ${originOf(base_url)}`;
const originOf = (url: string): string => URL.parse(url)?.origin ?? 'its endpoint';
const short = (text: string): string => (text.length > LONGEST ? `${text.slice(0, LONGEST)}...` : text);

/** Reasons for which rules answer on purpose. */
const ON_PURPOSE: ReadonlySet<string> = new Set(['budget', 'superseded', 'no-keys']);
const MEANING: Readonly<Record<string, string>> = {
  expired: 'they waited too long',
  'no-image': 'their pictures are gone',
  'no-lease': 'no key was free in time',
  timeout: 'the model did not answer in time',
  'rate-limited': 'the provider refused further calls',
  rejected: 'the provider refused the request or the key',
  'provider-error': 'the provider failed',
  'unreadable-answer': 'the answers cannot be read',
  'content-refused': 'the provider refused the pictures',
  shed: 'more waited than could be assessed',
};

/**
 * Why rules answered at least half of the groups of the last minute that the model was to assess, in a sentence; null
 * while they did not. Pure.
 */
export function failureSentence(recent: RecentFigures | null): string | null {
  const failures = Object.entries(recent?.by_rules ?? {})
    .filter(([code, count]) => count > 0 && !ON_PURPOSE.has(code))
    .toSorted(([, a], [, b]) => b - a);
  const failed = failures.reduce((sum, [, count]) => sum + count, 0);
  const all = failed + (recent?.by_model ?? 0);
  if (failed < LEAST_CALLS || failed < BAD_SHARE * all) return null;
  const why = failures
    .slice(0, MOST_NAMED)
    .map(([code, count]) => `${count} ${code}, ${MEANING[code] ?? 'see the log'}`);
  return short(`Rules answered ${failed} of the last minute's ${all} groups in place of the model (${why.join('; ')})`);
}

/** That the model answers more slowly than verdicts may be old, in a sentence; null while it does not. Pure. */
export function slownessSentence(
  { calls, freshness_ms }: Pick<SchedulerFigures, 'calls' | 'freshness_ms'>,
  { models }: Pick<PoolFigures, 'models'>,
): string | null {
  if (calls.answer_ms === null || freshness_ms === null || calls.answer_ms <= freshness_ms) return null;
  const used = models.filter(({ recent }) => recent > 0).map(nameOf);
  const more = used.length > MOST_NAMED ? ` and ${used.length - MOST_NAMED} more` : '';
  const names = used.length === 0 ? 'the model' : `${used.slice(0, MOST_NAMED).join(', ')}${more}`;
  return short(
    `${names}: an answer takes ${seconds(calls.answer_ms)} s, longer than freshness_seconds (` +
      `${seconds(freshness_ms)} s), so verdicts come late: use a faster model, or raise freshness_seconds`,
  );
}

const seconds = (ms: number): number => Math.round(ms / 100) / 10;
