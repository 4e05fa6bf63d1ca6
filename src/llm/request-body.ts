import type {
  ChatCompletionContentPart,
  ChatCompletionCreateParams,
  ChatCompletionMessageParam,
} from 'openai/resources/chat/completions';
import { ANSWER_JSON_SCHEMA } from './answer.ts';
import type { FormatStep, Shape } from './request-shape.ts';
import type { Picture } from './picture.ts';
import type { Prompt } from './prompt.ts';

export interface RequestParts {
  readonly model: string;
  readonly prompt: Prompt;
  /** At least one, the most important first. */
  readonly pictures: readonly Picture[];
  readonly maxOutputTokens: number;
  /** The key's extra fields of the body. */
  readonly extraBody: Readonly<Record<string, unknown>> | null;
}

/** The body of a request for a chat completion, in the shape that the provider accepts. */
export function requestBody(
  { model, prompt, pictures, maxOutputTokens, extraBody }: RequestParts,
  shape: Shape,
): ChatCompletionCreateParams {
  const extra = Object.entries(extraBody ?? {}).filter(([name]) => !shape.dropped.includes(name));
  const text = shape.systemRole ? prompt.user : `${prompt.system}\n\n${prompt.user}`;
  const user: ChatCompletionMessageParam = {
    role: 'user',
    content: [...pictureParts(shape.pictures === 'one' ? pictures.slice(0, 1) : pictures), { type: 'text', text }],
  };
  return {
    ...(shape.temperature ? { temperature: 0 } : {}),
    ...(shape.tokensField === null ? {} : { [shape.tokensField]: maxOutputTokens }),
    ...responseFormatField(shape.format),
    ...(shape.thinking === 'off' ? { enable_thinking: false } : {}),
    // They override our fields above, but not the ones below, which make the call.
    ...Object.fromEntries(extra),
    ...(shape.stream
      ? { stream: true, ...(shape.streamUsage ? { stream_options: { include_usage: true } } : {}) }
      : {}),
    model,
    messages: shape.systemRole ? [{ role: 'system', content: prompt.system }, user] : [user],
  };
}

/** The pictures, each after its caption when there are several. */
function pictureParts(pictures: readonly Picture[]): ChatCompletionContentPart[] {
  return pictures.flatMap(({ jpeg, caption }): ChatCompletionContentPart[] => {
    const base64 = Buffer.from(jpeg.buffer, jpeg.byteOffset, jpeg.byteLength).toString('base64');
    const image = { type: 'image_url', image_url: { url: `data:image/jpeg;base64,${base64}` } } as const;
    return pictures.length === 1 ? [image] : [{ type: 'text', text: caption }, image];
  });
}

/** The field `response_format`; no field for `none`. */
function responseFormatField(step: FormatStep): Pick<ChatCompletionCreateParams, 'response_format'> {
  if (step === 'none') return {};
  if (step === 'json_object') return { response_format: { type: 'json_object' } };
  return {
    response_format: {
      type: 'json_schema',
      json_schema: { name: 'group_assessment', strict: true, schema: ANSWER_JSON_SCHEMA },
    },
  };
}
