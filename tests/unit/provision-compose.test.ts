import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { z } from 'zod';
import { readConfig } from '../../src/app/config.ts';
import { REDIS_OPTIONS, redisConfig } from '../../src/embedded/redis-server.ts';
import { PROJECT_ROOT } from '../../src/provision/folders.ts';

const Service = z.object({
  image: z.string().default(''),
  profiles: z.array(z.string()).default([]),
  command: z.array(z.string()).default([]),
  environment: z.record(z.string(), z.string()).default({}),
  secrets: z.array(z.string()),
  volumes: z.array(z.string()),
  ports: z.array(z.string()).default([]),
});
const Compose = z.object({
  secrets: z.record(z.string(), z.object({ file: z.string() })),
  services: z.object({ nats: Service, redis: Service, gantry: Service, prometheus: Service, grafana: Service }),
  volumes: z.record(z.string(), z.null()),
});
const Scrapes = z.object({
  scrape_configs: z.array(
    z.object({
      authorization: z.object({ credentials_file: z.string() }),
      static_configs: z.array(z.object({ targets: z.array(z.string()) })),
    }),
  ),
});
const Provisioning = z.object({ providers: z.array(z.object({ options: z.object({ path: z.string() }) })) });
const compose = async () => Compose.parse(parse(await readFile(join(PROJECT_ROOT, 'docker-compose.yml'), 'utf8')));
const scriptOf = ({ command }: z.infer<typeof Service>): string => command.at(-1) ?? '';

test('the compose file runs Redis with options and user of the embedded one, and NATS with JetStream', async () => {
  const { services, volumes } = await compose();
  const lines = scriptOf(services.redis)
    .split('\n')
    .map((line) => line.trim());
  for (const [name, value] of Object.entries(REDIS_OPTIONS))
    assert.ok(lines.includes(`${name} ${value === '' ? '""' : value}`), name);
  const credentials = { user: 'gantry', password: 'p' };
  const own = redisConfig({ port: 1, dataDir: '/', operator: credentials, own: credentials }).split('\n').at(-2) ?? '';
  assert.ok(lines.includes(own.replace(/#[0-9a-f]{64}/u, () => '#$$hash')), own);
  assert.ok(lines.includes('user default off'));
  assert.match(
    scriptOf(services.nats),
    /authorization \{ user: gantry, password: .*jetstream \{ store_dir: \/data \}/u,
  );
  for (const service of Object.values(services)) {
    for (const volume of service.volumes) {
      const [source = '', , mode] = volume.split(':');
      if (!source.startsWith('./')) assert.ok(Object.hasOwn(volumes, source), `${volume} is declared`);
      else assert.ok(mode === 'ro' && existsSync(join(PROJECT_ROOT, source)), `${volume} exists, and is only read`);
    }
    for (const port of service.ports) assert.match(port, /^127\.0\.0\.1:/, 'nothing is open to other machines unasked');
  }
  assert.ok(services.redis.volumes.length > 0 && services.gantry.ports.length > 0);
});

test('the compose file keeps every secret in a file', async () => {
  const { services, secrets } = await compose();
  const { environment } = services.gantry;
  for (const service of Object.values(services))
    for (const name of service.secrets) assert.ok(Object.hasOwn(secrets, name), name);
  for (const name of ['NATS_PASSWORD', 'REDIS_PASSWORD', 'GANTRY_TOKEN']) {
    const secret = environment[`${name}_FILE`]?.replace('/run/secrets/', '') ?? '';
    assert.ok(services.gantry.secrets.includes(secret), name);
    assert.equal(environment[name], undefined);
  }
  // As Gantry reads it, with files in the places of the secrets.
  const readable = Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [
      name,
      name.endsWith('_FILE') ? join(PROJECT_ROOT, 'package.json') : value,
    ]),
  );
  const { GANTRY_TOKEN_FILE: _token, ...servers } = readable;
  const config = readConfig([], { ...servers, GANTRY_TOKEN: 'x' });
  assert.ok(config !== 'help');
  assert.match(config.natsUrl ?? '', /^nats:\/\/gantry:[^@]+@nats:4222$/u);
  assert.match(config.redisUrl ?? '', /^redis:\/\/gantry:[^@]+@redis:6379$/u);
});

test('the compose file starts Prometheus and Grafana when asked to, with the files of deploy/', async () => {
  const { services, secrets } = await compose();
  const { prometheus, grafana, ...others } = services;
  for (const { profiles, image } of [prometheus, grafana]) {
    assert.deepEqual(profiles, ['monitoring']);
    assert.match(image, /:v?\d+\.\d+\.\d+$/u, 'a version of its own');
  }
  for (const { profiles } of Object.values(others)) assert.deepEqual(profiles, []);
  // Gantry's address and the secret of its token are those of this file.
  const config = await readFile(join(PROJECT_ROOT, 'deploy', 'prometheus', 'prometheus.yml'), 'utf8');
  const { scrape_configs: jobs } = Scrapes.parse(parse(config));
  assert.deepEqual(jobs, [
    {
      authorization: { credentials_file: `/run/secrets/${prometheus.secrets[0] ?? ''}` },
      static_configs: [{ targets: [`gantry:${services.gantry.environment['PORT'] ?? ''}`] }],
    },
  ]);
  assert.equal(grafana.environment['GF_SECURITY_ADMIN_PASSWORD__FILE'], `/run/secrets/${grafana.secrets[0] ?? ''}`);
  assert.ok(Object.hasOwn(secrets, grafana.secrets[0] ?? ''));
  const provisioning = await readFile(
    join(PROJECT_ROOT, 'deploy', 'grafana', 'provisioning', 'dashboards', 'gantry.yaml'),
    'utf8',
  );
  const { providers } = Provisioning.parse(parse(provisioning));
  for (const { options } of providers)
    assert.ok(grafana.volumes.some((volume) => volume.includes(`:${options.path}/gantry.json:ro`)));
});
