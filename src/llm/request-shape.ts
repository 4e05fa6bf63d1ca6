import type { ResponseFormat } from '../keys/key-config.schema.ts';
import { anyOf } from './any-of.ts';
import { meaningByCode, meaningOf } from './error-meanings.ts';
import type { ProviderError } from './provider-error.ts';

export type FormatStep = Exclude<ResponseFormat, 'auto'>;

/** The form of a request to one endpoint and model: the plain one, less everything that the provider refused. */
export interface Shape {
  readonly format: FormatStep;
  readonly tokensField: 'max_tokens' | 'max_completion_tokens' | null;
  readonly temperature: boolean;
  readonly stream: boolean;
  /** Asks a streamed answer for its token counts. */
  readonly streamUsage: boolean;
  readonly systemRole: boolean;
  /** `off` sends `enable_thinking: false`; `kept`: that was refused too, and is no longer sent. */
  readonly thinking: 'default' | 'off' | 'kept';
  /** `one`: earlier moments are left out. */
  readonly pictures: 'several' | 'one';
  /** Names of the key's extra body fields that are left out. */
  readonly dropped: readonly string[];
}

/** Wishes of a key that a provider may refuse. */
export interface Wanted {
  readonly responseFormat: ResponseFormat;
  /** Names of the key's extra body fields. */
  readonly extraFields: readonly string[];
  /** Pictures of the request, from 1. */
  readonly pictures: number;
}

/** The request to a provider that refused nothing so far. */
export const plainShape = (responseFormat: ResponseFormat): Shape => ({
  format: responseFormat === 'auto' ? 'json_schema' : responseFormat,
  tokensField: 'max_tokens',
  temperature: true,
  stream: false,
  streamUsage: true,
  systemRole: true,
  thinking: 'default',
  pictures: 'several',
  dropped: [],
});

/** The differences between the shape and the plain request, in a few words each, for operators. */
export function differencesOf(shape: Shape, wanted: Wanted): readonly string[] {
  return [
    ...(wanted.responseFormat === 'auto' && shape.format !== 'json_schema' ? [`response_format ${shape.format}`] : []),
    ...(shape.tokensField === 'max_completion_tokens' ? ['max_completion_tokens'] : []),
    ...(shape.tokensField === null ? ['without max_tokens'] : []),
    ...(shape.temperature ? [] : ['without temperature']),
    ...(shape.stream ? ['streamed'] : []),
    ...(shape.systemRole ? [] : ['system text in the user message']),
    ...(shape.thinking === 'off' ? ['enable_thinking false'] : []),
    ...(shape.pictures === 'one' ? ['one picture a call'] : []),
    ...shape.dropped.map((name) => `without ${name}`),
  ];
}

export const sameShape = (a: Shape, b: Shape): boolean =>
  (Object.keys(a) as (keyof Shape)[]).every((name) => JSON.stringify(a[name]) === JSON.stringify(b[name]));

/** Statuses by which providers refuse a parameter; 200 stands for an error in the body without a status of its own. */
const REFUSING: ReadonlySet<number> = new Set([200, 400, 404, 415, 422, 500, 501]);
/** Statuses that give no reason. */
const UNSPECIFIC: ReadonlySet<number> = new Set([400, 422]);

const STREAM_ONLY = anyOf(
  /(?:only|must|need|require|please|enable|should)[^.]{0,30}\bstream/u,
  /\bstream(?:ing)?\b[^.]{0,30}(?:only|required|must be (?:set to )?true)/u,
  /仅支持流式|只支持流式|流式(?:调用|输出|模式)/u,
);
const NON_STREAMING = /non[- ]?stream/iu;
/** A refusal because the request was not streamed. */
const STREAM_MISSING = anyOf(
  /non[- ]?stream\w*[^.]{0,60}\b(?:not|un)[ -]?(?:be )?(?:support|allow|enable|available|permit)/u,
  /stream["'`]? ?(?:=|:|is|to) ?["'`]?false[^.]{0,40}\b(?:not|un)[ -]?(?:support|allow|permit|available)/u,
  /不支持非流式/u,
);
const ABOUT_FORMAT = anyOf(
  /response[_ ]format|json[_ ]?schema|json[_ ]?object|json mode|structured (?:output|decoding)/u,
  /guided (?:json|decoding)|response_?schema|response_?mime_?type/u,
);
const SYSTEM_ROLE = anyOf(
  /(?:system|developer)[^.]{0,20}(?:role|message|prompt|instruction)s?[^.]{0,60}(?:not|unsupported)/u,
  /(?:not support|unsupported|not enabled)[^.]{0,40}(?:system|developer) /u,
  /roles? must alternate|first message[^.]{0,30}user/u,
);
/** A refusal because there were several pictures. */
const SEVERAL_PICTURES = anyOf(
  /at most \d+ (?:image|picture|multi-?modal)|too[ _]many[ _](?:image|picture)|image count \d+ exceeds/u,
  /number of (?:image|picture)s? [^.]{0,20}(?:exceed|more than|greater)/u,
  /(?:only|exactly|up to|limited to|maximum of) (?:\w{1,12} ){0,2}(?:one|1|single) (?:user )?(?:image|picture)/u,
  /(?:multiple|several|multi|more than (?:one|1))[ -](?:image|picture)[^.]{0,40}(?:not|un)[ -]?(?:be )?(?:supp|allow)/u,
  /not (?:support|allow|accept|permit)[^.]{0,20}(?:multiple|several|multi|more than (?:one|1))[ -](?:image|picture)/u,
  /(?:只|仅)(?:能|支持|允许|可)?[^。]{0,8}(?:一张|单张|1\s?张|单图)|图[片像](?:数量|个数|张数)[^。]{0,10}超|不支持多(?:张)?图/u,
);
const NEXT_FORMAT: Readonly<Record<FormatStep, FormatStep>> = {
  json_schema: 'json_object',
  json_object: 'none',
  none: 'none',
};

/** A refused request, and how to find a parameter's name in the refusal. */
interface Refusal {
  readonly shape: Shape;
  readonly wanted: Wanted;
  readonly error: ProviderError;
  readonly mentions: (name: string) => boolean;
}

/** Changes one thing of the shape; null when the refusal is not about it, or it is changed already. */
type Step = (refusal: Refusal) => Partial<Shape> | null;

const stream: Step = ({ shape, error: { message } }) =>
  !shape.stream && (STREAM_MISSING.test(message) || (STREAM_ONLY.test(message) && !NON_STREAMING.test(message)))
    ? { stream: true }
    : null;

const withoutStreamUsage: Step = ({ shape, mentions }) =>
  shape.stream && shape.streamUsage && mentions('stream_options') ? { streamUsage: false } : null;

const milderFormat: Step = ({ shape: { format }, wanted: { responseFormat }, error: { message, param } }) =>
  responseFormat === 'auto' && format !== 'none' && (ABOUT_FORMAT.test(message) || ABOUT_FORMAT.test(param))
    ? { format: NEXT_FORMAT[format] }
    : null;

/** Switches off the thinking of a model that thinks by default; if that is refused too, the field is left out. */
const otherThinking: Step = ({ shape: { thinking }, wanted: { extraFields }, mentions }) => {
  if (!mentions('enable_thinking')) return null;
  if (thinking === 'default' && !extraFields.includes('enable_thinking')) return { thinking: 'off' };
  return thinking === 'off' ? { thinking: 'kept' } : null;
};

const withoutExtraField: Step = ({ shape: { dropped }, wanted: { extraFields }, mentions }) => {
  const extra = extraFields.find((name) => mentions(name) && !dropped.includes(name));
  return extra === undefined ? null : { dropped: [...dropped, extra] };
};

const otherTokensField: Step = ({ shape: { tokensField }, mentions }) => {
  if (tokensField === null || !(mentions('max_tokens') || mentions('max_completion_tokens'))) return null;
  return { tokensField: tokensField === 'max_tokens' ? 'max_completion_tokens' : null };
};

const withoutTemperature: Step = ({ shape, mentions }) =>
  shape.temperature && mentions('temperature') ? { temperature: false } : null;

const withoutSystemRole: Step = ({ shape, error: { message } }) =>
  shape.systemRole && SYSTEM_ROLE.test(message) ? { systemRole: false } : null;

const onePicture: Step = ({ shape, wanted, error: { message, codes } }) =>
  shape.pictures === 'several' && wanted.pictures > 1 && [message, ...codes].some((text) => SEVERAL_PICTURES.test(text))
    ? { pictures: 'one' }
    : null;

/** Tried in this order; the first step that changes something is taken. */
const STEPS = [stream, withoutStreamUsage, onePicture, milderFormat, otherThinking, withoutExtraField] as const;
/** Only when the refusal is not about a prompt that is too long: that often names `max_tokens` as well. */
const STEPS_UNLESS_TOO_LONG = [otherTokensField, withoutTemperature, withoutSystemRole] as const;

/** The shape after this refusal, one step from the refused one; null when it is about none of its parameters. */
export function nextShape(shape: Shape, wanted: Wanted, error: ProviderError): Shape | null {
  const { status, message, param } = error;
  if (!REFUSING.has(status)) return null;
  const byCode = meaningByCode(error);
  if (byCode !== null && byCode !== 'request') return null;
  const mentions = (name: string): boolean => param === name || param.startsWith(`${name}.`) || wordIn(message, name);
  for (const step of isAboutLength(error) ? STEPS : [...STEPS, ...STEPS_UNLESS_TOO_LONG]) {
    const change = step({ shape, wanted, error, mentions });
    if (change !== null) return { ...shape, ...change };
  }
  return null;
}

const isAboutLength = ({ message }: ProviderError): boolean =>
  /context[_ ](?:length|window)|maximum context|too long/iu.test(message);

/** Whether the text holds the name as a whole word: `max_tokens` is not found in `my_max_tokens`. */
function wordIn(text: string, name: string): boolean {
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + name.length)) {
    const before = text[at - 1] ?? ' ';
    const after = text[at + name.length] ?? ' ';
    if (!/[A-Za-z0-9_]/u.test(before) && !/[A-Za-z0-9_]/u.test(after)) return true;
  }
  return false;
}

/** Whether a refusal gives no hint of the cause. */
export function isUnspecific(error: ProviderError): boolean {
  return (
    UNSPECIFIC.has(error.status) &&
    !error.page &&
    meaningOf(error) === 'request' &&
    !/image|picture|图|context|too (?:long|large|many)|length|token|size|model|message/iu.test(error.message)
  );
}
