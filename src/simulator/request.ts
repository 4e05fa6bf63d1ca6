import { hash } from 'node:crypto';
import sharp from 'sharp';
import { z } from 'zod';
import type { PictureSize } from './token-count.ts';

const TextPart = z.object({ type: z.literal('text'), text: z.string() });
const ImagePart = z.object({ type: z.literal('image_url'), image_url: z.object({ url: z.string() }) });
const Message = z.discriminatedUnion('role', [
  z.object({ role: z.literal('system'), content: z.string().min(1) }),
  z.object({ role: z.literal('assistant'), content: z.string() }),
  z.object({
    role: z.literal('user'),
    content: z.union([z.string().min(1), z.array(z.discriminatedUnion('type', [TextPart, ImagePart])).min(1)]),
  }),
]);
const ChatRequest = z.object({
  model: z.string().min(1),
  messages: z
    .array(Message)
    .min(1)
    .refine((messages) => messages.some((message) => message.role === 'user'), 'needs a message of the user'),
  temperature: z.number().min(0).max(2).optional(),
  max_tokens: z.int().min(1).optional(),
  max_completion_tokens: z.int().min(1).optional(),
  stream: z.boolean().optional(),
  stream_options: z.object({ include_usage: z.boolean() }).optional(),
  enable_thinking: z.boolean().optional(),
  response_format: z
    .discriminatedUnion('type', [
      z.object({ type: z.literal('text') }),
      z.object({ type: z.literal('json_object') }),
      z.object({
        type: z.literal('json_schema'),
        json_schema: z.object({
          name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
          strict: z.boolean().optional(),
          schema: z.object({
            type: z.literal('object'),
            properties: z.record(z.string(), z.unknown()),
            required: z.array(z.string()).optional(),
          }),
        }),
      }),
    ])
    .optional(),
});
export type ChatRequest = z.infer<typeof ChatRequest>;

/** Thrown for a request that the provider refuses with 400. */
export class BadRequest extends Error {
  override readonly name = 'BadRequest';
  readonly param: string | null;

  constructor(message: string, param: string | null = null) {
    super(message);
    this.param = param;
  }
}

const JPEG_URI = /^data:image\/jpeg;base64,([A-Za-z0-9+/]+={0,2})$/;

/** A checked request, and the sizes of its pictures in their order. */
export interface ReadChatRequest {
  readonly chat: ChatRequest;
  readonly pictures: readonly PictureSize[];
}

/** Reads and checks a body as a provider does. Rejects with {@link BadRequest}. */
export async function readChatRequest(body: Buffer): Promise<ReadChatRequest> {
  let json: unknown;
  try {
    json = JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw new BadRequest(`the body is not JSON: ${error instanceof Error ? error.name : 'error'}`);
  }
  const parsed = ChatRequest.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new BadRequest(issue?.message ?? 'invalid request', issue?.path.join('.') ?? null);
  }
  const pictures: PictureSize[] = [];
  for (const message of parsed.data.messages) {
    if (message.role !== 'user' || typeof message.content === 'string') continue;
    for (const part of message.content)
      if (part.type === 'image_url') pictures.push(await checkedSize(part.image_url.url));
  }
  return { chat: parsed.data, pictures };
}

/** Sizes of good pictures by their digests: tests and benchmarks send the same ones over and over. */
const good = new Map<string, PictureSize>();
const MOST_REMEMBERED = 1_000;

async function checkedSize(url: string): Promise<PictureSize> {
  const digest = hash('sha256', url, 'base64');
  const known = good.get(digest);
  if (known !== undefined) return known;
  const size = await lookAtJpeg(url);
  if (good.size >= MOST_REMEMBERED) good.clear();
  good.set(digest, size);
  return size;
}

async function lookAtJpeg(url: string): Promise<PictureSize> {
  const base64 = JPEG_URI.exec(url)?.[1];
  if (base64 === undefined)
    throw new BadRequest('image_url must be a data URI of a JPEG in base64', 'messages.content.image_url');
  const bytes = Buffer.from(base64, 'base64');
  try {
    const { format, width, height } = await sharp(bytes, { failOn: 'error' }).metadata();
    const complete = bytes.at(-2) === 0xff && bytes.at(-1) === 0xd9;
    if (format === 'jpeg' && width > 0 && height > 0 && complete) return { width, height };
  } catch (error) {
    throw new BadRequest(
      `the image cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      'messages.content.image_url',
    );
  }
  throw new BadRequest('the image is no complete JPEG', 'messages.content.image_url');
}

/** All text of the request's messages. */
export const textOf = (request: ChatRequest): string =>
  request.messages
    .flatMap((message) =>
      typeof message.content === 'string'
        ? [message.content]
        : message.content.flatMap((part) => (part.type === 'text' ? [part.text] : [])),
    )
    .join('\n');

/** Whether the requested schema is a list of results instead of one flat answer. */
export const wantsWrapper = (request: ChatRequest): boolean =>
  request.response_format?.type === 'json_schema' && 'results' in request.response_format.json_schema.schema.properties;
