import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';

const SRC = join(import.meta.dirname, '..', '..', 'src');

/** What each room may import of ours, beside itself. A room is a folder of `src/`; `main.ts` may import everything. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  messages: [],
  runtime: [],
  storage: ['messages'],
  // How NATS and Redis are reached: everyone who connects.
  servers: [],
  // Beside the runtime's actors, everyone may use its clock, its log interface, its helpers for errors and for child
  // processes.
  vision: ['messages'],
  // From detections to incidents, without clocks and without I/O.
  scene: ['messages'],
  tracking: ['messages', 'vision', 'scene'],
  events: ['messages', 'scene', 'tracking'],
  counting: ['messages', 'scene', 'tracking'],
  watch: ['messages', 'vision', 'scene', 'tracking', 'events', 'counting'],
  // A scene tried on recorded frames, in threads of its own.
  'dry-run': ['messages', 'vision', 'watch'],
  llm: ['messages', 'runtime', 'keys'],
  keys: ['messages', 'runtime', 'servers'],
  'key-admin': ['messages', 'runtime', 'keys', 'servers', 'storage'],
  usage: ['runtime', 'servers', 'storage'],
  // Users, sessions, API tokens: decisions, and the stores behind interfaces.
  users: ['messages', 'runtime'],
  // Sign-in by an identity provider.
  oidc: ['messages', 'runtime'],
  tasks: ['messages'],
  aggregation: ['messages', 'tasks'],
  // From alerts to calls of an operator, without clocks and without I/O.
  alarms: ['messages'],
  // Two ways to judge, side by side: shares, figures and limits, without clocks and without I/O.
  releases: ['messages'],
  // Alert rules over metrics: one list for Prometheus and for Gantry's own engine. Pure.
  monitoring: ['messages', 'infra', 'storage'],
  // Spans of a frame's way from its messages.
  tracing: ['messages', 'runtime'],
  video: [],
  rtsp: ['runtime', 'infra', 'video'],
  decoding: ['runtime', 'video'],
  ingest: ['runtime', 'infra', 'video', 'rtsp', 'decoding'],
  imaging: [],
  infra: ['messages', 'runtime', 'servers', 'storage'],
  // The alert list, and what people did about alerts.
  'alert-desk': ['messages', 'runtime', 'infra'],
  provision: ['runtime'],
  embedded: ['provision', 'runtime', 'storage'],
  'model-store': ['messages', 'runtime', 'storage'],
  inference: ['messages', 'vision'],
  int8: ['messages', 'runtime', 'storage', 'model-store', 'vision', 'provision'],
  simulator: ['messages', 'runtime', 'keys', 'llm'],
  actors: [
    'messages',
    'runtime',
    'vision',
    'scene',
    'tracking',
    'events',
    'counting',
    'watch',
    'inference',
    'video',
    'rtsp',
    'decoding',
    'ingest',
    'imaging',
    'tasks',
    'aggregation',
    'keys',
    'llm',
    'infra',
    'releases',
    'monitoring',
    'tracing',
  ],
  http: ['messages', 'runtime', 'infra', 'scene', 'alert-desk', 'users', 'oidc', 'releases', 'monitoring'],
  app: [
    'oidc',
    'alarms',
    'users',
    'servers',
    'storage',
    'key-admin',
    'usage',
    'messages',
    'runtime',
    'vision',
    'scene',
    'inference',
    'keys',
    'llm',
    'infra',
    'provision',
    'embedded',
    'model-store',
    'int8',
    'simulator',
    'actors',
    'http',
    'imaging',
    'alert-desk',
    'dry-run',
    'releases',
    'monitoring',
    'tracing',
  ],
  cli: [
    'users',
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
    'int8',
    'vision',
    'app',
    'tracing',
    'http',
    'monitoring',
  ],
};

const FILES = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));

/** The files of `src` that each of them imports, types included. */
const IMPORTS: ReadonlyMap<string, readonly string[]> = new Map(
  FILES.map((file) => {
    const path = join(SRC, file);
    const found = readFileSync(path, 'utf8').matchAll(/(?:from|import)\s*\(?\s*'(\.{1,2}\/[^']+)'/g);
    return [file, [...found].map((match) => relative(SRC, resolve(dirname(path), match[1]!)))];
  }),
);
const roomOf = (file: string): string => (file.includes('/') ? file.split('/')[0]! : file);

/** Every file that `from` reaches by imports. */
function reachable(from: string): ReadonlySet<string> {
  const seen = new Set<string>();
  const open = [...(IMPORTS.get(from) ?? [])];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (seen.has(file)) continue;
    seen.add(file);
    open.push(...(IMPORTS.get(file) ?? []));
  }
  return seen;
}

/** Files that reach each other, each circle as its files in order, separated by spaces. */
function cycles(): string[] {
  const reached = new Map(FILES.map((file) => [file, reachable(file)]));
  const circles = FILES.filter((file) => reached.get(file)!.has(file)).map((file) =>
    FILES.filter((other) => reached.get(file)!.has(other) && reached.get(other)!.has(file))
      .toSorted()
      .join(' '),
  );
  return [...new Set(circles)].toSorted();
}

test('every room imports only what it may, so that dependencies run one way', () => {
  const found = FILES.flatMap((file) => IMPORTS.get(file)!.map((to) => ({ file, from: roomOf(file), to: roomOf(to) })));
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

test('no files import each other in a circle, types included', () => {
  const found = cycles();
  assert.deepEqual(found, []);
});

test('no two files have the same name', () => {
  const byName = Map.groupBy(FILES, (file) => basename(file));
  const twins = [...byName.values()].filter((files) => files.length > 1);
  assert.deepEqual(twins, []);
});

/** The packages that `file` loads, directly or through our other files. */
function loadedPackages(file: string, seen = new Set<string>()): ReadonlySet<string> {
  const packages = new Set<string>();
  if (seen.has(file)) return packages;
  seen.add(file);
  const text = readFileSync(join(SRC, file), 'utf8');
  for (const [, names = '', from = ''] of text.matchAll(/^(?:import|export) ([^;']*?)from '([^']+)';/gmu)) {
    const typesOnly = names.startsWith('type ') || /^\{(?:\s*type [^,}]+,?)+\s*\}\s*$/u.test(names);
    if (typesOnly || from.startsWith('node:')) continue;
    if (!from.startsWith('.')) packages.add(from);
    else for (const name of loadedPackages(relative(SRC, resolve(SRC, dirname(file), from)), seen)) packages.add(name);
  }
  return packages;
}

test('the thread of a camera loads no package, but its own detector where it has one', () => {
  const parts = ['actors/camera/camera-actor.ts', 'runtime/remote/worker/entry.ts'];
  assert.deepEqual(
    parts.flatMap((file) => [...loadedPackages(file)]),
    [],
  );
  const actor = readFileSync(join(SRC, 'actors/camera/camera-actor.ts'), 'utf8');
  const later = [...actor.matchAll(/\bimport\('([^']+)'\)/gu)].map(([, from]) => from);
  assert.deepEqual(later, ['../../vision/detector.ts']);
  assert.deepEqual([...loadedPackages('vision/detector.ts')], ['onnxruntime-node']);
  assert.ok(loadedPackages('actors/imaging.ts').has('zod'), 'the scan finds packages');
});
