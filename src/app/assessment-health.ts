import type { PoolFigures } from './scheduler-figures.ts';

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
  const wanted = keys.filter(({ disabled_reason }) => disabled_reason === null || !isSwitchedOff(disabled_reason));
  const out = wanted.filter(isOut);
  const cooling = wanted.filter((key) => key.status === 'cooling');
  const serving = wanted.length - out.length - cooling.length;
  const silent = models.filter(answersNothing);
  const lastFailure = models.map(({ last_failure }) => last_failure).find((failure) => failure !== null) ?? null;
  if (wanted.length > 0 && serving === 0)
    return { lastFailure, outage: short(keysSentence(out, cooling)), defects: [] };
  const used = models.filter(({ recent }) => recent > 0);
  if (used.length > 0 && used.every((model) => silent.includes(model)))
    return {
      lastFailure,
      outage: short(`No model can assess: ${silent.map(silenceOf).slice(0, MOST_NAMED).join('; ')}`),
      defects: [],
    };
  const sentences = [
    ...byReason(out).map(([reason, names]) => `${keysNamed(names)} out (${reason}); the others serve`),
    ...silent.map(silenceOf),
  ];
  return { lastFailure, outage: null, defects: sentences.slice(0, MOST_SENTENCES).map(short) };
}

/** Whether the operator switched the key off, so that nothing is wrong with it. */
const isSwitchedOff = (reason: string): boolean => /^(?:disabled|drained) /u.test(reason);
const isOut = (key: Key): boolean => key.status === 'disabled' && key.disabled_reason !== null;

function keysSentence(out: readonly Key[], cooling: readonly Key[]): string {
  const refused = byReason(out).map(([reason, names]) => `${keysNamed(names)} out (${reason})`);
  const resting =
    cooling.length === 0 ? [] : [`${keysNamed(cooling.map(({ key_id }) => key_id))} resting (${coolingOf(cooling)})`];
  const why = [...refused, ...resting].slice(0, MOST_SENTENCES).join('; ');
  // Groups wait for a cooling key, and become unknown when it returns too late.
  return `No model can assess: ${why}${cooling.length === 0 ? '. The rules answer' : ''}`;
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
  const { model, base_url, recent, unreadable, rejected, failing, reasoning_only, last_failure } = found;
  const head = `model ${model} at ${originOf(base_url)}`;
  if (reasoning_only > 0 && reasoning_only >= unreadable / 2)
    return `${head}: reasoning eats all tokens of ${reasoning_only} of the last ${recent} answers; ${REMEDY}`;
  const why = last_failure === null ? '' : ` (${last_failure})`;
  if (failing > unreadable) return `${head}: ${failing} of the last ${recent} calls failed${why}`;
  if (rejected > unreadable) return `${head} refuses ${rejected} of the last ${recent} requests${why}`;
  return `${head}: ${unreadable} of the last ${recent} answers cannot be read${why}`;
}

const REMEDY = 'raise max_output_tokens or set extra_body (enable_thinking: false, say)';
const originOf = (url: string): string => URL.parse(url)?.origin ?? 'its endpoint';
const short = (text: string): string => (text.length > LONGEST ? `${text.slice(0, LONGEST)}...` : text);
