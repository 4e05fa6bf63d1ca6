import { DEFAULT_OUTPUT_TOKENS } from '../keys/key-config.schema.ts';
import type { CallTokens } from '../keys/tokens.ts';
import { ANSWER_JSON_SCHEMA } from './answer.ts';
import { CAPTIONS } from './picture.ts';
import type { Prompt } from './prompt.ts';

/**
 * Tokens of a picture: the most that common providers count at their default detail. If a provider counts more, the key
 * pool learns it from the first answer.
 */
const PICTURE_TOKENS = 1_280;
/** Tokens for the marks of roles and messages. */
const FRAME_TOKENS = 64;
/** Of the longest words before a picture, its place and age filled in. */
const CAPTION_BYTES =
  16 +
  Math.max(...Object.values(CAPTIONS).flatMap((texts) => Object.values(texts).map((text) => Buffer.byteLength(text))));
const SCHEMA_BYTES = Buffer.byteLength(JSON.stringify(ANSWER_JSON_SCHEMA));

/**
 * Tokens that a call with this prompt and so many pictures uses at most: no tokenizer makes more tokens of a text than
 * it has bytes of UTF-8. The answer's part is the default; the pool replaces it by that of the key it leases.
 */
export const tokenBound = (prompt: Prompt, pictures = 1): CallTokens => ({
  prompt:
    Buffer.byteLength(prompt.system) +
    Buffer.byteLength(prompt.user) +
    SCHEMA_BYTES +
    pictures * PICTURE_TOKENS +
    (pictures > 1 ? pictures * CAPTION_BYTES : 0) +
    FRAME_TOKENS,
  completion: DEFAULT_OUTPUT_TOKENS,
});
