import type { PoolFigures } from './scheduler-port.ts';

type Key = PoolFigures['keys'][number];
type Model = PoolFigures['models'][number];

/** Names in one sentence; more are counted. */
const MOST_NAMED = 3;
const MOST_SENTENCES = 5;
const LONGEST = 400;
/** A model whose answers are unreadable this often is said to be so; with fewer calls a share says little. */
const LEAST_CALLS = 5;
const LEAST_FAILED = 3;
/** A request that two keys refuse alike is not sent a third time. */
const LEAST_REJECTED = 2;
const BAD_SHARE = 0.5;

export interface Judging {
  /** What the newest failed call said; null when there was none. */
  readonly lastFailure: string | null;
  /** Null while at least one key can serve. */
  readonly nobody: string | null;
  /** What is wrong besides, one sentence each; for an operator to mend. */
  readonly partly: readonly string[];
}

/** What the key pool shows of judging by models: why none can, or what is amiss. No secret is in it. */
export function judgingOf({ keys, models }: Pick<PoolFigures, 'keys' | 'models'>): Judging {
  const meant = keys.filter(({ disabled_reason }) => disabled_reason === null || !isOurs(disabled_reason));
  const out = meant.filter(isOut);
  const rested = meant.filter((key) => key.status === 'cooling');
  const serving = meant.length - out.length - rested.length;
  const silent = models.filter(answersNothing);
  const lastFailure = models.map(({ last_failure }) => last_failure).find((failure) => failure !== null) ?? null;
  if (meant.length > 0 && serving === 0) return { lastFailure, nobody: short(nobodySentence(out, rested)), partly: [] };
  const used = models.filter(({ recent }) => recent > 0);
  if (used.length > 0 && used.every((model) => silent.includes(model)))
    return {
      lastFailure,
      nobody: short(`No model judges: ${silent.map(silenceOf).slice(0, MOST_NAMED).join('; ')}`),
      partly: [],
    };
  const sentences = [
    ...byReason(out).map(([reason, names]) => `${keysNamed(names)} out (${reason}); the others serve`),
    ...silent.map(silenceOf),
  ];
  return { lastFailure, nobody: null, partly: sentences.slice(0, MOST_SENTENCES).map(short) };
}

/** Said of keys that the operator switched off; nothing is wrong with them. */
const isOurs = (reason: string): boolean => /^(?:disabled|drained) /u.test(reason);
const isOut = (key: Key): boolean => key.status === 'disabled' && key.disabled_reason !== null;

function nobodySentence(out: readonly Key[], rested: readonly Key[]): string {
  const refused = byReason(out).map(([reason, names]) => `${keysNamed(names)} out (${reason})`);
  const waits =
    rested.length === 0 ? [] : [`${keysNamed(rested.map(({ key_id }) => key_id))} resting (${restOf(rested)})`];
  const why = [...refused, ...waits].slice(0, MOST_SENTENCES).join('; ');
  // While a key only rests, groups wait for it, and are unknown when it comes back too late.
  return `No model judges: ${why}${rested.length === 0 ? '. The rules answer' : ''}`;
}

function restOf(rested: readonly Key[]): string {
  const causes = [...new Set(rested.map(({ last_error_code }) => last_error_code ?? 'a failure'))].join(', ');
  const until = rested.map(({ cooldown_until }) => cooldown_until ?? '').toSorted()[0] ?? '';
  return `${causes}${until === '' ? '' : `, the first until ${until}`}`;
}

/** Keys by why they are out, in the order of the keys. */
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
