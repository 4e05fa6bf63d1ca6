import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Adaptations } from '../../src/llm/adaptations.ts';
import { picturesOf } from '../../src/llm/picture.ts';
import { buildPrompt } from '../../src/llm/prompt.ts';
import { readProviderError } from '../../src/llm/provider-error.ts';
import { requestBody } from '../../src/llm/request-body.ts';
import { differencesOf, plainShape, type Shape, type Wanted } from '../../src/llm/request-shape.ts';
import { tokenBound } from '../../src/llm/token-bound.ts';
import { plainTask } from '../support/assessment-task.ts';

const task = { ...plainTask(), timestamp: '2026-05-04T03:02:01.500Z' };
const prompt = buildPrompt(task, 'en');
const jpegs = [1, 2, 3].map((byte) => Uint8Array.of(0xff, 0xd8, byte));
const earlier = [
  { jpeg: jpegs[1]!, timestamp: '2026-05-04T03:02:00.480Z' },
  { jpeg: jpegs[2]!, timestamp: '2026-05-04T03:01:59.500Z' },
];
const pictures = picturesOf(task, jpegs[0]!, earlier, 'en');

/** The parts of the user's message: texts as they are, pictures as their last byte. */
function partsOf(shape: Partial<Shape>, sent = pictures): (string | number | undefined)[] {
  const body = requestBody(
    { model: 'm', prompt, pictures: sent, maxOutputTokens: 600, extraBody: null },
    { ...plainShape('none'), ...shape },
  );
  const content = body.messages.at(-1)?.content;
  assert.ok(Array.isArray(content));
  return content.map((part) => {
    if (part.type === 'text') return part.text;
    assert.ok(part.type === 'image_url');
    return Buffer.from(part.image_url.url.replace('data:image/jpeg;base64,', ''), 'base64').at(-1);
  });
}

describe('pictures of a call', () => {
  it('come newest first, each after its place and age', () => {
    const [first, one, second, two, third, three, text] = partsOf({});
    assert.deepEqual([one, two, three, text], [1, 2, 3, prompt.user]);
    assert.match(String(first), /^Picture 1: now\./);
    assert.match(String(second), /^Picture 2: the same place 1\.0 s before/);
    assert.match(String(third), /^Picture 3: the same place 2\.0 s before/);
    const [now, before] = picturesOf(task, jpegs[0]!, earlier, 'zh').map(({ caption }) => caption);
    assert.match(String(now), /^图1：当前/);
    assert.match(String(before), /^图2：.* 1\.0 秒/);
  });

  it('are one without words, when there is no other or the provider takes no other', () => {
    assert.deepEqual(partsOf({}, picturesOf(task, jpegs[0]!, [], 'en')), [1, prompt.user]);
    assert.deepEqual(partsOf({ pictures: 'one' }), [1, prompt.user]);
  });

  it('each count in the bound of tokens, with the words before it', () => {
    const [one, three] = [tokenBound(prompt).prompt, tokenBound(prompt, 3).prompt];
    const words = pictures.reduce((bytes, { caption }) => bytes + Buffer.byteLength(caption), 0);
    assert.ok(three >= one + 2 * 1_280 + words, `${one} ${three}`);
    const chinese = picturesOf(task, jpegs[0]!, earlier, 'zh');
    assert.ok(three >= one + 2 * 1_280 + chinese.reduce((bytes, { caption }) => bytes + Buffer.byteLength(caption), 0));
  });
});

const several: Wanted = { responseFormat: 'auto', extraFields: [], pictures: 3 };
const single: Wanted = { ...several, pictures: 1 };
const refusal = (message: string, status = 400, code?: string) =>
  readProviderError(status, JSON.stringify({ error: { message, code } }));

describe('a provider that refuses several pictures', () => {
  for (const message of [
    'At most 1 image(s) may be provided in one request.',
    'At most 1 image(s) may be provided in one prompt.',
    'vision model only supports a single image per message',
    'This model supports only one image per request',
    'Exactly one user image_url is required',
    'Too many images in request. Max is 1.',
    'Image count 3 exceeds limit 1 per request.',
    'Number of images (3) exceeds maximum of 1',
    'Multiple images are not supported by this model.',
    'The model does not support multiple images',
    '该模型仅支持单张图片',
    '图片数量超过限制',
    '不支持多图输入',
  ])
    it(`gets one after: ${message}`, () => {
      const adaptations = new Adaptations(() => 0);
      const error = refusal(message);
      assert.equal(adaptations.refused('t', several, adaptations.choose('t', several), error), true);
      const { shape } = adaptations.choose('t', several);
      assert.deepEqual(differencesOf(shape, several), ['one picture a call']);
      assert.equal(adaptations.refused('t', several, { shape, trial: false }, error), false, 'once only');
    });

  it('is told by its code as well', () => {
    const adaptations = new Adaptations(() => 0);
    const error = refusal('invalid input', 400, 'too_many_images');
    assert.equal(adaptations.refused('t', several, adaptations.choose('t', several), error), true);
    assert.equal(adaptations.choose('t', several).shape.pictures, 'one');
  });

  for (const message of [
    'The image dimensions are too small',
    'The image could not be decoded',
    'Only JPEG images are supported',
    'This model does not support image input',
    'At most 600 tokens may be generated',
  ])
    it(`still gets several after: ${message}`, () => {
      const adaptations = new Adaptations(() => 0);
      adaptations.refused('t', several, adaptations.choose('t', several), refusal(message));
      assert.equal(adaptations.choose('t', several).shape.pictures, 'several');
    });

  it('is not learnt from a call with one picture', () => {
    const adaptations = new Adaptations(() => 0);
    const error = refusal('At most 1 image(s) may be provided in one request.');
    assert.equal(adaptations.refused('t', single, adaptations.choose('t', single), error), false);
    assert.equal(adaptations.choose('t', several).shape.pictures, 'several');
  });
});

describe('a refusal of several pictures that gives no reason', () => {
  const BAD = refusal('Bad request');

  it('is tried once with one picture, which is kept when it works', () => {
    const adaptations = new Adaptations(() => 0);
    assert.equal(adaptations.refused('t', several, adaptations.choose('t', several), BAD), true);
    const trial = adaptations.choose('t', several);
    assert.deepEqual([trial.trial, trial.shape.pictures, trial.shape.format], [true, 'one', 'json_schema']);
    adaptations.answered('t', several, trial);
    assert.deepEqual(adaptations.choose('t', several), { shape: trial.shape, trial: false });
  });

  it('is no trial for a call with one picture: its answer would prove nothing', () => {
    const adaptations = new Adaptations(() => 0);
    adaptations.refused('t', several, adaptations.choose('t', several), BAD);
    const plain = adaptations.choose('t', single);
    assert.deepEqual([plain.trial, plain.shape.pictures], [false, 'several']);
    adaptations.answered('t', single, plain);
    assert.equal(adaptations.choose('t', several).trial, true, 'the trial is still to be made');
    assert.equal(adaptations.refused('t', single, plain, BAD), false, 'and no reason to send it again');
  });

  it('is tried without the format next, and then no more', () => {
    const adaptations = new Adaptations(() => 0);
    const told = Array.from({ length: 5 }, () => {
      const chosen = adaptations.choose('t', several);
      return [chosen.shape.pictures, chosen.shape.format, adaptations.refused('t', several, chosen, BAD)];
    });
    assert.deepEqual(told, [
      ['several', 'json_schema', true],
      ['one', 'json_schema', false],
      ['several', 'json_schema', true],
      ['several', 'none', false],
      ['several', 'json_schema', false],
    ]);
  });

  it('is about something else when several were answered before', () => {
    const adaptations = new Adaptations(() => 0);
    const chosen = adaptations.choose('t', several);
    adaptations.answered('t', several, chosen);
    assert.equal(adaptations.refused('t', several, chosen, BAD), false);
    assert.equal(adaptations.choose('t', several).shape.pictures, 'several');
  });
});
