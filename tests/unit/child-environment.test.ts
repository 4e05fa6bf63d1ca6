import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { childEnvironment } from '../../src/runtime/child-environment.ts';

// The launcher is plain JavaScript, without types.
const { npmEnvironment } = (await import(new URL('../../bin/bootstrap.mjs', import.meta.url).href)) as {
  npmEnvironment: (own: Readonly<Record<string, string>>) => Record<string, string>;
};
const SRC = join(import.meta.dirname, '..', '..', 'src');
const SECRETS = {
  GANTRY_TOKEN: 'tok',
  GANTRY_KEYS_SECRET: 'keys',
  GANTRY_HOOK_SECRET: 'hook',
  DASHSCOPE_KEY_001: 'sk-1',
  OPENAI_API_KEY: 'sk-2',
  AWS_SECRET_ACCESS_KEY: 'aws',
  NATS_URL: 'nats://u:p@h',
  REDIS_URL: 'redis://:p@h',
};
const OWN = {
  ...SECRETS,
  PATH: '/bin',
  HOME: '/root',
  LC_ALL: 'C',
  TZ: 'UTC',
  NODE_OPTIONS: '--x',
  HTTPS_PROXY: 'http://u:p@proxy',
  npm_config_registry: 'https://r',
};

test('a child gets none of what this process keeps secret, whatever it needs', () => {
  assert.deepEqual(childEnvironment({}, OWN), { PATH: '/bin', HOME: '/root', LC_ALL: 'C', TZ: 'UTC' });
  assert.deepEqual(childEnvironment({ extra: { LC_ALL: 'de', X: '1' } }, OWN), {
    PATH: '/bin',
    HOME: '/root',
    LC_ALL: 'de',
    TZ: 'UTC',
    X: '1',
  });
  for (const given of [childEnvironment({ node: true, download: true }, OWN), npmEnvironment(OWN)]) {
    assert.equal(given['NODE_OPTIONS'], '--x');
    assert.equal(given['HTTPS_PROXY'], 'http://u:p@proxy');
    for (const name of Object.keys(SECRETS)) assert.equal(given[name], undefined, name);
  }
  assert.equal(
    childEnvironment({ node: true }, OWN)['HTTPS_PROXY'],
    undefined,
    'proxies only where something is fetched',
  );
});

/** Starts Gantry itself, which needs all of the operator's environment. */
const WHOLE_ENVIRONMENT = 'cli/launch.ts';

test('no room starts a program without a chosen environment', () => {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) =>
    /\.(?:ts|mjs|js)$/u.test(file),
  );
  const starting = files.filter((file) =>
    /from 'node:child_process'|require\(.*child_process|import\(.*child_process/u.test(
      readFileSync(join(SRC, file), 'utf8'),
    ),
  );
  const calls = starting.flatMap((file) => {
    const text = readFileSync(join(SRC, file), 'utf8');
    // `run` is execFile as a promise, in the one file that has it.
    return [...text.matchAll(/(?<![\w.'`])(?:spawn|fork|exec|execFile|spawnSync|execSync|execFileSync|run)\(/gu)]
      .filter((match) => !text.slice(0, match.index).endsWith('promisify('))
      .map((match) => ({ file, call: text.slice(match.index, match.index + 400) }));
  });
  assert.ok(calls.length >= 5, `the scan sees the starts of programs: ${calls.length}`);
  const without = calls.filter(({ file, call }) =>
    file === WHOLE_ENVIRONMENT ? !call.includes('env: process.env') : !call.includes('childEnvironment('),
  );
  assert.deepEqual(
    without.map(({ file, call }) => `${file}: ${call.split('\n')[0]}`),
    [],
  );
  // A library that starts programs by itself gets its environment from whoever calls it.
  const muxer = files.filter((file) => /new Mpeg1Muxer\(/u.test(readFileSync(join(SRC, file), 'utf8')));
  assert.equal(muxer.length, 1);
  for (const file of muxer) assert.match(readFileSync(join(SRC, file), 'utf8'), /childEnvironment\(/u, file);
});
