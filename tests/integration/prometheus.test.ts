import assert from 'node:assert/strict';
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { runProgram } from '../../src/provision/command.ts';
import { serve } from '../support/http-served.ts';
import { DEPLOY } from '../support/monitoring-queries.ts';
import { configFor, prometheusPrograms, startPrometheus } from '../support/prometheus.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const { prometheus, promtool, reason } = await prometheusPrograms();
const TOKEN = 'a-token-for-the-scrape';

describe("Prometheus' own tools", { skip: reason ?? false }, () => {
  const check = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await runProgram(promtool ?? '', args, { timeoutMs: 30_000 });
    assert.equal(code, 0, stdout + stderr);
    return stdout + stderr;
  };

  it('accept configuration and rules', async () => {
    const folder = temporaryFolder();
    const [config, token] = [join(folder, 'prometheus.yml'), join(folder, 'token')];
    await writeFile(token, TOKEN);
    await writeFile(config, await configFor('127.0.0.1:1', token));
    await copyFile(join(DEPLOY, 'prometheus', 'rules.yml'), join(folder, 'rules.yml'));
    assert.match(await check('check', 'config', config), /SUCCESS: \d+ rules found/u);
  });

  it('find that each rule fires beyond its threshold, and not before', async () => {
    assert.match(await check('test', 'rules', join(DEPLOY, 'prometheus', 'rules.test.yml')), /SUCCESS/u);
  });
});

// Side by side: a Prometheus takes five seconds from its start to its first scrape.
describe('a real Prometheus', { skip: reason ?? false, concurrency: true }, () => {
  /** How its only target is, once it was scraped with the answer that the test awaits. */
  const scraped = async (
    t: TestContext,
    token: string,
    awaited: RegExp,
  ): Promise<{ health: string; lastError: string }> => {
    const { base } = await serve(t, { token: TOKEN });
    const server = await startPrometheus(prometheus ?? '', temporaryFolder(), { target: new URL(base).host, token });
    t.after(() => server.stop());
    // On a busy machine a scrape may take longer than its second, and is made again.
    return until('a scrape', async () => {
      const { activeTargets } = await server.ask('targets');
      return activeTargets.find(
        ({ health, lastError }: { health: string; lastError: string }) =>
          health !== 'unknown' && awaited.test(lastError),
      );
    });
  };

  it('scrapes with the token of its file', async (t) => {
    const { health, lastError } = await scraped(t, TOKEN, /^$/u);
    assert.deepEqual({ health, lastError }, { health: 'up', lastError: '' });
  });

  it('is refused with another', async (t) => {
    const { health, lastError } = await scraped(t, 'another-token', /401/u);
    assert.equal(health, 'down');
    assert.match(lastError, /401/u);
  });
});
