import type { ChatCompletionCreateParams } from 'openai/resources/chat/completions';
import type { ResponseFormat } from '../keys/config.schema.ts';
import { ANSWER_JSON_SCHEMA } from './answer.ts';

/** What is asked for in one call. */
export type Step = Exclude<ResponseFormat, 'auto'>;
const NEXT: Readonly<Record<Step, Step>> = { json_schema: 'json_object', json_object: 'none', none: 'none' };

/** A 400 that is about the format asked for and not about the rest of the request. */
const ABOUT_FORMAT = /response[_ ]format|json[_ ]?schema|json[_ ]?object|structured output/i;

/**
 * Remembers, per endpoint and model, which format of answer the provider takes. With `auto` it begins with
 * `json_schema` and steps down each time the provider refuses the field.
 */
export class ResponseFormats {
  readonly #steps = new Map<string, Step>();

  /** The format to use now. `target` names endpoint and model. */
  current(target: string, configured: ResponseFormat): Step {
    return configured === 'auto' ? (this.#steps.get(target) ?? 'json_schema') : configured;
  }

  /** Books a refused request. True when the refusal was about the format `used` and there is another one to try. */
  refused(target: string, configured: ResponseFormat, used: Step, message: string): boolean {
    if (configured !== 'auto' || used === 'none' || !ABOUT_FORMAT.test(message)) return false;
    // Several calls may be refused at once: each steps down from what it used itself, never twice.
    if (this.current(target, configured) === used) this.#steps.set(target, NEXT[used]);
    return true;
  }
}

/** The field of the request; nothing for `none`. */
export function responseFormatField(step: Step): Pick<ChatCompletionCreateParams, 'response_format'> {
  if (step === 'none') return {};
  if (step === 'json_object') return { response_format: { type: 'json_object' } };
  return { response_format: { type: 'json_schema', json_schema: { name: 'group_assessment', strict: true, schema: ANSWER_JSON_SCHEMA } } };
}
