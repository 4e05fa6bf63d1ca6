import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';

const SRC = join(import.meta.dirname, '..', '..', 'src');

/** What each room may import of ours, beside itself. A room is a folder of `src/`; `main.ts` may import everything. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  messages: [],
  runtime: [],
  storage: [],
  // How NATS and Redis are reached: everyone who connects.
  servers: [],
  // Beside the runtime's actors, everyone may use its clock, its log interface, its helpers for errors and for child
  // processes.
  vision: ['messages'],
  llm: ['messages', 'runtime', 'keys'],
  keys: ['messages', 'runtime', 'servers'],
  'key-admin': ['messages', 'runtime', 'keys', 'servers', 'storage'],
  usage: ['runtime', 'servers', 'storage'],
  tasks: ['messages'],
  aggregation: ['messages'],
  source: ['runtime', 'vision', 'infra'],
  imaging: [],
  infra: ['messages', 'runtime', 'servers', 'storage'],
  provision: ['runtime'],
  embedded: ['provision', 'runtime', 'storage'],
  'model-store': ['messages', 'runtime', 'storage'],
  simulator: ['messages', 'runtime', 'keys', 'llm'],
  actors: ['messages', 'runtime', 'vision', 'source', 'imaging', 'tasks', 'aggregation', 'keys', 'llm', 'infra'],
  http: ['messages', 'runtime', 'infra'],
  app: [
    'servers',
    'storage',
    'key-admin',
    'usage',
    'messages',
    'runtime',
    'vision',
    'keys',
    'llm',
    'infra',
    'provision',
    'embedded',
    'model-store',
    'simulator',
    'actors',
    'http',
    'imaging',
  ],
  cli: [
    'servers',
    'storage',
    'key-admin',
    'messages',
    'runtime',
    'keys',
    'llm',
    'infra',
    'provision',
    'model-store',
    'vision',
    'app',
  ],
};

interface Import {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

function imports(): Import[] {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  return files.flatMap((file) => {
    const path = join(SRC, file);
    const targets = [...readFileSync(path, 'utf8').matchAll(/(?:from|import)\s*\(?\s*'(\.{1,2}\/[^']+)'/g)].map(
      (match) => relative(SRC, resolve(dirname(path), match[1]!)),
    );
    const room = (of: string): string => (of.includes('/') ? of.split('/')[0]! : of);
    return targets.map((to) => ({ file, from: room(file), to: room(to) }));
  });
}

test('every room imports only what it may, so that dependencies run one way', () => {
  const found = imports();
  assert.ok(found.length > 100, 'the scan sees the sources');
  const wrong = found.filter(
    ({ from, to }) => from !== 'main.ts' && from !== to && MAY_IMPORT[from]?.includes(to) !== true,
  );
  assert.deepEqual(
    wrong.map(({ file, to }) => `${file} imports ${to}`),
    [],
  );
});

test('the table itself has no cycle', () => {
  const visit = (room: string, path: readonly string[]): void => {
    assert.ok(!path.includes(room), `cycle: ${[...path, room].join(' -> ')}`);
    for (const next of MAY_IMPORT[room] ?? []) visit(next, [...path, room]);
  };
  for (const room of Object.keys(MAY_IMPORT)) visit(room, []);
});
