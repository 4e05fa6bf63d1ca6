import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { z } from 'zod';
import { REDIS_OPTIONS } from '../../src/embedded/redis-server.ts';
import { PROJECT_ROOT } from '../../src/provision/folders.ts';

const Service = z.object({ command: z.array(z.string()), environment: z.record(z.string(), z.string()).default({}), volumes: z.array(z.string()), ports: z.array(z.string()).default([]), secrets: z.array(z.string()).default([]) });
const Compose = z.object({ services: z.object({ nats: Service, redis: Service, gantry: Service }), volumes: z.record(z.string(), z.null()), secrets: z.record(z.string(), z.object({ environment: z.string() })) });

test('the compose file runs Redis with the options the embedded one has, and NATS with JetStream on a volume', async () => {
  const { services, volumes, secrets } = Compose.parse(parse(await readFile(join(PROJECT_ROOT, 'docker-compose.yml'), 'utf8')));
  const [program, ...args] = services.redis.command;
  assert.equal(program, 'redis-server');
  const options = Object.fromEntries(Array.from({ length: args.length / 2 }, (_, i) => [args[2 * i]?.replace(/^--/, ''), args[2 * i + 1]]));
  assert.deepEqual(options, REDIS_OPTIONS);
  assert.ok(services.nats.command.includes('--jetstream'));
  for (const service of Object.values(services)) {
    for (const volume of service.volumes) assert.ok(Object.hasOwn(volumes, volume.split(':')[0] ?? ''), `${volume} is declared`);
    for (const port of service.ports) assert.match(port, /^127\.0\.0\.1:/, 'nothing is open to other machines unasked');
  }
  // In its container it listens on every address, where it does not start without a token.
  assert.equal(services.gantry.environment['GANTRY_TOKEN_FILE'], '/run/secrets/gantry_token');
  assert.deepEqual(services.gantry.secrets, ['gantry_token']);
  assert.deepEqual(secrets['gantry_token'], { environment: 'GANTRY_TOKEN' });
  assert.equal(services.gantry.environment['NATS_URL'], 'nats://nats:4222');
  assert.equal(services.gantry.environment['REDIS_URL'], 'redis://redis:6379');
});
