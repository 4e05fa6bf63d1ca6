import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { startRedisServer } from '../../src/embedded/redis-server.ts';
import type { EmbeddedService } from '../../src/embedded/service.ts';
import { KeyAdmin, type KeyAdminOptions } from '../../src/key-admin/admin.ts';
import { AddedKey } from '../../src/key-admin/changes.ts';
import { Sealer } from '../../src/key-admin/seal.ts';
import { RedisKeyShare } from '../../src/key-admin/shared-record.ts';
import { Secret } from '../../src/keys/secret.ts';
import { memoryLog } from './log.ts';
import { temporaryFolder } from './temporary-folder.ts';

// Nodes that administer keys over one Redis, which starts before the tests of the file that imports this.

export const SECRET = 'sk-added-through-the-api-0123456789';
export const PASSWORD = 'a long enough password';
export let folder: string;
export let server: EmbeddedService;
let made = 0;
export const opened: KeyAdmin[] = [];

before(async () => {
  folder = temporaryFolder();
  server = await startRedisServer({
    dataDir: join(folder, 'redis'),
    port: 0,
    log: memoryLog(),
    onProgress: () => undefined,
  });
});
after(async () => {
  await Promise.all(opened.map((admin) => admin.close()));
  await server.stop();
});

export const YAML = `
strategy: priority
api_keys:
  - { name: one, key: \${KEY_ONE}, qps_limit: 5, rpm_limit: 100 }
  - { name: two, key: \${KEY_TWO}, qps_limit: 5, rpm_limit: 100 }
`;
/** Names a variable for a key that the API may add. */
export const SPARE = `${YAML}  - { name: spare, key: \${KEY_THREE}, enabled: false, model: other }
`;
export const ENV = { KEY_ONE: 'sk-one-0123456789', KEY_TWO: 'sk-two-0123456789', KEY_THREE: 'sk-three-0123456789' };
export const entry = (name: string, more: object = {}): AddedKey => AddedKey.parse({ name, key: SECRET, ...more });

export async function node(over: Partial<KeyAdminOptions> = {}, yaml: string | null = YAML) {
  const id = `node-${(made += 1)}`;
  const keysFile = join(folder, `${id}.yaml`);
  if (yaml !== null) await writeFile(keysFile, yaml);
  const log = memoryLog();
  const options: KeyAdminOptions = {
    keysFile,
    changesFile: join(folder, `${id}.changes`),
    sealer: new Sealer(new Secret(PASSWORD)),
    env: ENV,
    nodeId: id,
    log,
    checkMs: 200,
    ...over,
  };
  const open = async (): Promise<KeyAdmin> => {
    const admin = await KeyAdmin.open(options);
    opened.push(admin);
    return admin;
  };
  const admin = await open();
  return { admin, options, log, open, names: () => admin.keys.config.keys.map((key) => key.name) };
}
export const shareOf = (url: string): RedisKeyShare => new RedisKeyShare(url, () => undefined);
