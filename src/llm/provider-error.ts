import { parseBounded } from './bounded-json.ts';
import { type Fields, isFields, WRAPPERS } from './completion-parts.ts';

/**
 * A provider's error in one form for all shapes. Fields are cut to a readable length, so matching them is
 * quick: a body of 1 MB costs no more than its parsing.
 */
export interface ProviderError {
  /** Status of the response. For a 200 the status that the body names, 200 when it names none. */
  readonly status: number;
  /** Codes and types in lower case, the most telling first; Baidu's and MiniMax's are prefixed with their field. */
  readonly codes: readonly string[];
  readonly message: string;
  /** The parameter that it blames; empty for none. */
  readonly param: string;
  /** An HTML page, so a proxy in front of the provider answered. */
  readonly page: boolean;
  /** A wait from the body's fields, as written there; empty for none. */
  readonly wait: string;
}

const LONGEST_CODE = 100;
const LONGEST_MESSAGE = 2_000;
const MOST_CODES = 12;
/** Entries read of a list in an error. */
const MOST_ENTRIES = 8;
/** Errors nested in errors: providers behind providers. */
const MOST_DEEP = 6;

const field = (fields: Fields, name: string): unknown => (Object.hasOwn(fields, name) ? fields[name] : undefined);

/** Reads the body of an error response. */
export function readProviderError(status: number, body: string): ProviderError {
  const value = jsonOf(body);
  if (value !== undefined) return fromValue(status, value);
  const start = body.slice(0, LONGEST_MESSAGE).trimStart();
  const page = start.startsWith('<');
  return { status, codes: [], message: page ? titleOf(start) : oneLine(start), param: '', page, wait: '' };
}

/** Reads an error from the body of a 200. Null when the body holds an answer, or nothing that is known. */
export function errorInAnswer(value: unknown): ProviderError | null {
  // Text that begins like an answer is a broken-off answer, not an error.
  if (typeof value === 'string') return /^\s*(?:[{[]|data:|$)/u.test(value) ? null : readProviderError(200, value);
  const body: unknown = Array.isArray(value) ? value[0] : value;
  if (!isFields(body)) return null;
  const choice = fieldsOf(firstOf(field(body, 'choices')));
  const answered = isFields(field(choice, 'message')) || isFields(field(choice, 'delta'));
  if (isTelling(field(choice, 'error')) || saysError(body) || (!answered && saysNoAnswer(body)))
    return fromValue(200, value);
  if (answered) return null;
  // A proxy wraps another provider's error under a key of its own.
  const inner = WRAPPERS.map((name) => field(body, name)).find(isFields);
  return inner !== undefined && isTelling(field(inner, 'error')) ? fromValue(200, inner) : null;
}

/** Fields that make any body an error. */
const saysError = (body: Fields): boolean =>
  isTelling(field(body, 'error')) ||
  isTelling(field(body, 'errors')) ||
  isBadCode(field(body, 'error_code')) ||
  isBadCode(field(fieldsOf(field(body, 'base_resp')), 'status_code'));

/** Fields that make a body without an answer an error. */
const saysNoAnswer = (body: Fields): boolean =>
  isBadCode(field(body, 'code')) ||
  field(body, 'success') === false ||
  field(body, 'object') === 'error' ||
  isFields(field(body, 'ResponseMetadata')) ||
  typeof field(body, 'detail') === 'string';

const isTelling = (value: unknown): boolean =>
  (typeof value === 'string' && value !== '') ||
  (Array.isArray(value) && value.length > 0) ||
  (isFields(value) && Object.keys(value).length > 0);

/** Codes of success. */
const GOOD_CODES: ReadonlySet<unknown> = new Set([0, 200, '', '0', '200', 'ok', 'OK', 'success', 'Success', 'SUCCESS']);
const isBadCode = (code: unknown): boolean =>
  (typeof code === 'number' || typeof code === 'string') && !GOOD_CODES.has(code);

const fieldsOf = (value: unknown): Fields => (isFields(value) ? value : {});
const firstOf = (value: unknown): unknown => (Array.isArray(value) ? value[0] : undefined);

/** Parts gathered from one body. */
interface Found {
  readonly codes: string[];
  readonly messages: string[];
  status: number | null;
  param: string;
  wait: string;
  page: boolean;
}

function fromValue(status: number, value: unknown): ProviderError {
  const found: Found = { codes: [], messages: [], status: null, param: '', wait: '', page: false };
  gather(value, found, 0);
  const message = oneLine(found.messages.join(' - ').slice(0, LONGEST_MESSAGE));
  const { codes, param, wait, page } = found;
  return { status: status === 200 ? (found.status ?? 200) : status, codes, message, param, page, wait };
}

function gather(value: unknown, found: Found, depth: number): void {
  if (depth > MOST_DEEP) return;
  if (typeof value === 'string') {
    gatherText(value, found, depth);
    return;
  }
  if (Array.isArray(value)) {
    gather(value[0], found, depth + 1);
    return;
  }
  if (!isFields(value)) return;
  for (const name of INNER) if (isTelling(field(value, name))) gather(field(value, name), found, depth + 1);
  const choice = firstOf(field(value, 'choices'));
  if (isFields(choice) && isTelling(field(choice, 'error'))) gather(field(choice, 'error'), found, depth + 1);
  for (const name of CODES) addCode(field(value, name), PREFIXED[name] ?? '', found);
  for (const name of MESSAGES) addMessage(field(value, name), found);
  const param = field(value, 'param');
  if (found.param === '' && typeof param === 'string') found.param = param.slice(0, LONGEST_CODE);
  for (const [name, unit] of WAITS) addWait(field(value, name), unit, found);
  gatherDetails(field(value, 'details'), found);
  gatherDetail(field(value, 'detail'), found, depth);
  gatherMetadata(field(value, 'metadata'), found, depth);
}

/** Fields whose objects hold the error, or more of it. */
const INNER = [
  'error',
  'errors',
  'innererror',
  'inner_error',
  'base_resp',
  'ResponseMetadata',
  'Error',
  'header',
] as const;
const CODES = ['code', 'Code', 'error_code', 'status_code', 'err_code', 'status', 'type', 'reason'] as const;
const PREFIXED: Readonly<Record<string, string>> = { error_code: 'error_code:', status_code: 'status_code:' };
const MESSAGES = [
  'message',
  'Message',
  'msg',
  'error_msg',
  'status_msg',
  'error_message',
  'error_description',
] as const;

function addCode(value: unknown, prefix: string, found: Found): void {
  if (typeof value !== 'string' && typeof value !== 'number') return;
  if (value === '' || found.codes.length >= MOST_CODES || GOOD_CODES.has(value)) return;
  const text = String(typeof value === 'string' ? value.slice(0, LONGEST_CODE) : value).toLowerCase();
  const number = /^[1-5]\d\d$/u.test(text) ? Number(text) : null;
  if (number !== null && number >= 400) found.status ??= number;
  found.codes.push(`${prefix}${text}`);
}

/** Fields with a wait, and the unit of a bare number in them. */
const WAITS = [
  ['retry_after_ms', 'ms'],
  ['retry_after', 's'],
  ['retryAfter', 's'],
  ['retry_after_seconds', 's'],
] as const;

function addWait(value: unknown, unit: string, found: Found): void {
  if (found.wait !== '' || (typeof value !== 'string' && typeof value !== 'number')) return;
  const text = String(value).slice(0, LONGEST_CODE);
  found.wait = /^\d{1,9}(?:\.\d{1,9})?$/u.test(text) ? `${text}${unit}` : text;
}

function addMessage(value: unknown, found: Found): void {
  if (typeof value === 'string' && value !== '' && found.messages.length < MOST_ENTRIES)
    found.messages.push(value.slice(0, LONGEST_MESSAGE));
}

/** A text in place of an error object: the message itself, a page, or another provider's error as JSON. */
function gatherText(text: string, found: Found, depth: number): void {
  const value = jsonOf(text);
  if (value !== undefined && typeof value !== 'string') gather(value, found, depth + 1);
  else if (text.trimStart().startsWith('<')) {
    found.page = true;
    addMessage(titleOf(text.slice(0, LONGEST_MESSAGE)), found);
  } else addMessage(text, found);
}

/** Google's `details`: reasons, the wait, and the quota. */
function gatherDetails(details: unknown, found: Found): void {
  if (!Array.isArray(details)) return;
  for (const detail of details.slice(0, MOST_ENTRIES)) {
    if (!isFields(detail)) continue;
    addCode(field(detail, 'reason'), '', found);
    const delay = field(detail, 'retryDelay');
    if (typeof delay === 'string') found.wait = delay.slice(0, LONGEST_CODE);
    const violations = field(detail, 'violations');
    if (!Array.isArray(violations)) continue;
    for (const violation of violations.slice(0, MOST_ENTRIES))
      if (isFields(violation)) addMessage(field(violation, 'quotaId'), found);
  }
}

/** FastAPI's `detail`: a text, or a list of complaints, each with its place in the request. */
function gatherDetail(detail: unknown, found: Found, depth: number): void {
  if (typeof detail === 'string' || isFields(detail)) gather(detail, found, depth + 1);
  if (!Array.isArray(detail)) return;
  for (const entry of detail.slice(0, MOST_ENTRIES)) {
    if (!isFields(entry)) continue;
    const place = field(entry, 'loc');
    const last: unknown = Array.isArray(place) ? place.at(-1) : undefined;
    if (found.param === '' && typeof last === 'string') found.param = last.slice(0, LONGEST_CODE);
    const of = typeof last === 'string' ? `${last.slice(0, LONGEST_CODE)}: ` : '';
    addMessage(`${of}${String(field(entry, 'msg')).slice(0, 300)}`, found);
  }
}

/** OpenRouter's `metadata`: the error of the provider behind it, often JSON in a text, and a wait. */
function gatherMetadata(metadata: unknown, found: Found, depth: number): void {
  if (!isFields(metadata)) return;
  const raw = field(metadata, 'raw');
  if (typeof raw === 'string' || isFields(raw)) gather(raw, found, depth + 1);
  const reasons = field(metadata, 'reasons');
  if (Array.isArray(reasons) && reasons.length > 0) addCode('moderation', '', found);
  const headers = field(metadata, 'headers');
  const reset = isFields(headers) ? field(headers, 'X-RateLimit-Reset') : undefined;
  if (typeof reset === 'string' || typeof reset === 'number') found.wait = String(reset).slice(0, LONGEST_CODE);
}

function jsonOf(text: string): unknown {
  const start = text.trimStart().slice(0, 1);
  return start === '{' || start === '[' || start === '"' ? parseBounded(text) : undefined;
}

/** A page's title, or its first words when it has none. */
function titleOf(html: string): string {
  const title = /<title[^>]{0,100}>([^<]{0,200})/iu.exec(html)?.[1] ?? '';
  return oneLine(title.trim() === '' ? html.replace(/<[^>]*>/gu, ' ').slice(0, 200) : title);
}

const oneLine = (text: string): string => text.replace(/\s+/gu, ' ').trim();
