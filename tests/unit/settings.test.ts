import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { SETTINGS } from '../../src/app/settings-table.ts';
import { settingsView } from '../../src/app/settings-view.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const textOf = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

/** The rows of the tables of variables in docs/operations.md, one for each name, in plain words. */
function documented(): { readonly name: string; readonly preset: string | null; readonly meaning: string }[] {
  const [, settings = '', , own = ''] = textOf('docs/operations.md').split(/^## .+$/mu);
  const plain = (cell: string): string => cell.replaceAll(/`|\[([^\]]*)\]\([^)]*\)/gu, '$1').trim();
  const rows = [...`${settings}\n${own}`.matchAll(/^\| (`[A-Z].*) \|$/gmu)].map(([, row = '']) => row.split(' | '));
  return rows.flatMap((cells) => {
    const names = [...(cells[0] ?? '').matchAll(/`([A-Z_]+)`/gu)].map(([, name = '']) => name);
    const presets = cells.length > 2 ? plain(cells[1] ?? '').split(', ') : [];
    return names.map((name, index) => ({
      name,
      preset: presets.length === 0 ? null : names.length === presets.length ? presets[index]! : presets.join(', '),
      meaning: plain(cells.at(-1) ?? ''),
    }));
  });
}

describe('the table of settings', () => {
  it('has the variables of the documents, with their defaults and meanings', () => {
    const rows = documented();
    assert.deepEqual(
      SETTINGS.map(({ name }) => name),
      rows.map(({ name }) => name),
    );
    for (const [index, { name, default: preset, meaning }] of SETTINGS.entries()) {
      const row = rows[index]!;
      assert.equal(preset, row.preset ?? 'none', name);
      assert.ok(row.meaning.startsWith(meaning), `${name}: "${meaning}" does not begin "${row.meaning}"`);
    }
  });

  it('has every variable that the code reads', () => {
    const code = globSync('src/**/*.ts', { cwd: ROOT })
      .filter((file) => file !== join('src', 'app', 'settings-table.ts'))
      .map(textOf)
      .join('\n');
    const gantry = [...code.matchAll(/['"](GANTRY_[A-Z_]+|NODE_USE_ENV_PROXY)['"]/gu)].map(([, name = '']) => name);
    const servers = [...textOf('src/app/server-settings.ts').matchAll(/'((?:NATS|REDIS)_[A-Z]+)'|^ {2}(NATS_\w+):/gmu)];
    const read = new Set([...gantry, ...servers.map(([, quoted, key]) => quoted ?? key!)]);
    assert.ok(read.size > 40, `found ${read.size} variables`);
    const known = new Set(SETTINGS.map(({ name }) => name));
    assert.deepEqual(
      [...read].filter((name) => !known.has(name.replace(/_FILE$/u, ''))),
      [],
    );
    const unread = SETTINGS.filter(({ name }) => !code.includes(name)).map(({ name }) => name);
    assert.deepEqual(unread, []);
  });
});

describe('the settings of a process', () => {
  const view = (args: string[], env: Record<string, string>) =>
    new Map(settingsView(args, env).settings.map((setting) => [setting.name, setting]));

  it('tell the value and where it comes from: an option before the environment before the default', () => {
    const found = view(['--port', '9000', '--no-demo'], { PORT: '7000', GANTRY_LANGUAGE: 'zh', HOST: '' });
    const of = (name: string) => [found.get(name)?.value, found.get(name)?.source, found.get(name)?.default];
    assert.deepEqual(of('PORT'), ['9000', 'option', '8080']);
    assert.deepEqual(of('GANTRY_LANGUAGE'), ['zh', 'environment', 'en']);
    assert.deepEqual(of('HOST'), ['127.0.0.1', 'default', '127.0.0.1']);
    assert.equal(found.size, SETTINGS.length);
  });

  it('show no secret, also not one in an address or a file', () => {
    const env = {
      GANTRY_TOKEN: 'hidden-1',
      GANTRY_HOOK_SECRET_FILE: '/run/hidden-2',
      NATS_URL: 'nats://hidden/3@nats.example:4222, nats://user:hidden-4@two.example',
      REDIS_URL_FILE: '/run/hidden-5',
      NATS_PASSWORD: 'hidden-6',
      REDIS_PASSWORD: 'hidden-7',
      GANTRY_KEYS_SECRET: 'hidden-8',
      GANTRY_ALERT_HOOKS: 'https://hooks.example/hidden-9?token=hidden-10',
    };
    const found = view([], env);
    assert.doesNotMatch(JSON.stringify([...found.values()]), /hidden/u);
    assert.deepEqual(
      ['GANTRY_TOKEN', 'GANTRY_HOOK_SECRET', 'REDIS_URL', 'NATS_TOKEN'].map((name) => found.get(name)?.value),
      ['set', 'set', 'set', 'not set'],
    );
    assert.equal(found.get('NATS_URL')?.value, 'nats://***@two.example');
    assert.equal(found.get('GANTRY_ALERT_HOOKS')?.value, 'https://hooks.example/…');
  });
});
