import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { inspect } from 'node:util';
import { readKeySource } from '../../src/key-admin/key-text.ts';
import { type Environment, type KeyConfig, parseKeyConfig } from '../../src/keys/key-config.ts';
import { KeyError } from '../../src/keys/key-config-error.ts';
import { Secret } from '../../src/keys/secret.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const TOKEN = 'sk-very-secret-0001';
const entry = (name: string, more: object = {}): object => ({ name, key: `\${${name.toUpperCase()}}`, ...more });
const env = { A: TOKEN, B: 'sk-very-secret-0002', C: 'sk-very-secret-0003' };

function refused(raw: unknown, variables: Record<string, string> = env): KeyError {
  try {
    parseKeyConfig(raw, variables, 'keys.yaml');
  } catch (error) {
    assert.ok(error instanceof KeyError);
    assert.equal(error.code, 'KEY_CONFIG_INVALID');
    assert.ok(!`${error.message} ${JSON.stringify(error.fields)}`.includes('sk-very'), 'a secret is in the error');
    return error;
  }
  assert.fail('was accepted');
}

async function loadKeyConfig(path: string, variables: Environment): Promise<KeyConfig> {
  const { raw, source } = await readKeySource(path, null);
  return parseKeyConfig(raw, variables, source);
}

describe('key configuration', () => {
  let folder = '';
  before(async () => {
    folder = temporaryFolder();
  });

  it('has no keys and all defaults when there is no file', async () => {
    const config = await loadKeyConfig(join(folder, 'absent.yaml'), {});
    assert.deepEqual(config.keys, []);
    assert.equal(config.strategy, 'round_robin');
    assert.equal(config.scheduler.max_concurrent_tasks, 50);
    assert.equal(config.scheduler.transit_guard_ms, 50);
    assert.deepEqual(config.warnings, []);
  });

  it('reads the shipped example, whose variables stand unquoted inside braces', async () => {
    const config = await loadKeyConfig('config/api_keys.example.yaml', { DASHSCOPE_KEY_001: TOKEN });
    const [key] = config.keys;
    assert.equal(key?.name, 'key-001');
    assert.equal(key.secret.reveal(), TOKEN);
    assert.deepEqual(
      {
        qpsLimit: key.qpsLimit,
        rpmLimit: key.rpmLimit,
        priority: key.priority,
        enabled: key.enabled,
        model: key.model,
      },
      { qpsLimit: 10, rpmLimit: 300, priority: 1, enabled: true, model: 'qwen-vl-plus' },
    );
  });

  it('leaves out a key whose variable is unset and names both', async () => {
    const config = await loadKeyConfig('config/api_keys.example.yaml', {});
    assert.deepEqual(config.keys, []);
    assert.match(config.warnings.join('\n'), /key-001.*DASHSCOPE_KEY_001/);
  });

  it('takes fields for the body of every call, and a bound of tokens, but none that make the call another', () => {
    const config = parseKeyConfig(
      {
        api_keys: [
          entry('a', { extra_body: { enable_thinking: false, top_k: { n: [1] } }, max_output_tokens: 4_000 }),
          entry('b'),
        ],
      },
      env,
    );
    assert.deepEqual(
      config.keys.map(({ maxOutputTokens, extraBody }) => [maxOutputTokens, extraBody]),
      [
        [4_000, { enable_thinking: false, top_k: { n: [1] } }],
        [600, null],
      ],
    );
    for (const extra_body of [
      { messages: [] },
      { model: 'x' },
      { stream: true },
      { 'a b': 1 },
      { big: 'x'.repeat(5_000) },
      { deep: JSON.parse(`${'['.repeat(5_000)}${']'.repeat(5_000)}`) },
      [],
      'x',
    ])
      assert.match(
        refused({ api_keys: [entry('a', { extra_body })] }).message,
        /api_keys\[0\]\.extra_body/,
        Object.keys(extra_body).join(),
      );
    for (const max_output_tokens of [0, 15, 32_769, 1.5, '600'])
      assert.match(refused({ api_keys: [entry('a', { max_output_tokens })] }).message, /max_output_tokens/);
  });

  it('takes texts for the model, and how many pictures a key takes', () => {
    const prompts = { text: ' Trams first. ', kinds: { 'dense-traffic': 'Normal at 8.' } };
    const config = parseKeyConfig({ prompts, api_keys: [entry('a', { max_images: 1 }), entry('b')] }, env);
    assert.deepEqual(config.prompts, { text: 'Trams first.', kinds: { 'dense-traffic': 'Normal at 8.' } });
    assert.deepEqual(
      config.keys.map(({ maxImages }) => maxImages),
      [1, 3],
    );
    assert.deepEqual(parseKeyConfig({}, {}).prompts, { kinds: {} });
  });

  it('warns of a key that stands in the file, without printing it', () => {
    const config = parseKeyConfig({ api_keys: [{ name: 'a', key: TOKEN }] }, {});
    assert.equal(config.keys[0]?.secret.reveal(), TOKEN);
    assert.match(config.warnings.join('\n'), /"a" stands in the file itself/);
    assert.ok(!config.warnings.join('\n').includes(TOKEN));
  });

  it('takes endpoint and model from the key first and from the file else', () => {
    const config = parseKeyConfig(
      {
        base_url: 'http://one/v1',
        model: 'm1',
        api_keys: [entry('a'), entry('b', { base_url: 'https://two/v1', model: 'm2' })],
      },
      env,
    );
    assert.deepEqual(
      config.keys.map((key) => [key.baseUrl, key.model]),
      [
        ['http://one/v1', 'm1'],
        ['https://two/v1', 'm2'],
      ],
    );
  });

  for (const [situation, raw, message] of [
    ['a duplicate name', { api_keys: [entry('a'), entry('a')] }, /api_keys\[1\]\.name: must be unique \(it is "a"\)/],
    ['a limit of 0', { api_keys: [entry('a', { qps_limit: 0 })] }, /api_keys\[0\]\.qps_limit: .*\(it is 0\)/],
    [
      'a text for a limit',
      { api_keys: [entry('a', { rpm_limit: 'many' })] },
      /api_keys\[0\]\.rpm_limit: .*\(it is "many"\)/,
    ],
    ['no picture a call', { api_keys: [entry('a', { max_images: 0 })] }, /api_keys\[0\]\.max_images: .*\(it is 0\)/],
    ['more pictures than there are', { api_keys: [entry('a', { max_images: 4 })] }, /max_images: .*\(it is 4\)/],
    ['an empty text for the model', { prompts: { text: ' ' } }, /prompts\.text: .*\(it is " "\)/],
    ['a long text for the model', { prompts: { text: 'x'.repeat(2_001) } }, /prompts\.text: .*2000/],
    [
      'a text of a wrong type',
      { prompts: { kinds: { 'fast-vehicle': 7 } } },
      /prompts\.kinds\.fast-vehicle: .*\(it is 7\)/,
    ],
    ['a text for an unknown kind', { prompts: { kinds: { flood: 'x' } } }, /prompts\.kinds.*flood/],
    ['an unknown field of the texts', { prompts: { camera: 'x' } }, /prompts\.camera: there is no such field/],
    ['an unknown strategy', { strategy: 'weighted' }, /strategy: .*\(it is "weighted"\)/],
    ['an unknown field', { api_keys: [entry('a', { qps: 3 })] }, /api_keys\[0\]\.qps: there is no such field/],
    ['min above max', { scheduler: { min_cooldown: 130 } }, /scheduler\.min_cooldown: must not be above max_cooldown/],
    ['an ftp endpoint', { base_url: 'ftp://x/' }, /base_url: must be an http or https URL/],
    ['a key that is no text', { api_keys: [{ name: 'a', key: 12345 }] }, /api_keys\[0\]\.key: /],
    [
      'different limits in one group',
      { api_keys: [entry('a', { quota_group: 'g' }), entry('b', { quota_group: 'g', rpm_limit: 60 })] },
      /api_keys\[1\]\.rpm_limit: must be 300 as for "a".*\(it is 60\)/,
    ],
    ['no object at all', 'hello', /the file: /],
  ] as const) {
    it(`refuses ${situation}, naming field and value`, () => {
      assert.match(refused(raw).message, message);
    });
  }

  it('refuses the same key under two names unless they share a group', () => {
    const both = { A: TOKEN, B: TOKEN };
    assert.match(
      refused({ api_keys: [entry('a'), entry('b')] }, both).message,
      /api_keys\[1\]\.key \("b"\) is the same key as "a"/,
    );
    assert.equal(
      parseKeyConfig({ api_keys: [entry('a', { quota_group: 'g' }), entry('b', { quota_group: 'g' })] }, both).keys
        .length,
      2,
    );
  });

  it('tells the line of broken YAML and none of its text', async () => {
    const path = join(folder, 'broken.yaml');
    await writeFile(path, `api_keys:\n  - { name: a, key: "${TOKEN}\n`);
    await assert.rejects(
      loadKeyConfig(path, {}),
      (error: unknown) =>
        error instanceof KeyError && /line \d+: not valid YAML/.test(error.message) && !inspect(error).includes(TOKEN),
    );
  });

  it('tells when the file cannot be read', async () => {
    await assert.rejects(loadKeyConfig(folder, {}), { code: 'KEY_CONFIG_UNREADABLE' });
  });
});

describe('a secret', () => {
  it('shows in no rendering', () => {
    const secret = new Secret(TOKEN);
    const holder = { secret, nested: [{ secret }] };
    for (const shown of [
      String(secret),
      JSON.stringify(holder),
      inspect(holder, { depth: 9, showHidden: true }),
      inspect(secret),
    ]) {
      assert.ok(!shown.includes(TOKEN), shown);
      assert.ok(shown.includes('***'), shown);
    }
    assert.equal(secret.reveal(), TOKEN);
    assert.match(secret.fingerprint(), /^[0-9a-f]{8}$/);
  });
});
