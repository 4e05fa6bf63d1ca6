import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ManagedProcess } from '../../src/embedded/managed-process.ts';
import { freePort } from '../../src/embedded/tcp.ts';
import { unpackDebianPackages } from '../../src/provision/debian.ts';
import { ProvisionError } from '../../src/provision/provision-error.ts';
import { DEPLOY } from './monitoring-queries.ts';
import { memoryLog } from './log.ts';
import { until } from './until.ts';

const HOST = '127.0.0.1';

/** Prometheus and promtool, or why a test must go without. */
export type PrometheusPrograms =
  | { readonly prometheus: string; readonly promtool: string; readonly reason: null }
  | { readonly prometheus: null; readonly promtool: null; readonly reason: string };

/** Both from Debian's packages, unpacked into the cache (19 MB once; nothing is installed). */
export async function prometheusPrograms(): Promise<PrometheusPrograms> {
  const only = ['/usr/bin/prometheus', '/usr/bin/promtool'];
  try {
    const folder = await unpackDebianPackages({ name: 'prometheus', packages: ['prometheus'], only });
    return { prometheus: join(folder, 'usr/bin/prometheus'), promtool: join(folder, 'usr/bin/promtool'), reason: null };
  } catch (error) {
    // Any other failure is a fault of ours.
    if (!(error instanceof ProvisionError) || !['NO_APT', 'DOWNLOAD_FAILED'].includes(error.code)) throw error;
    return { prometheus: null, promtool: null, reason: `there is no Prometheus: ${error.message}` };
  }
}

/** The shipped configuration for another target and another file with the token. */
export async function configFor(target: string, tokenFile: string): Promise<string> {
  const shipped = await readFile(join(DEPLOY, 'prometheus', 'prometheus.yml'), 'utf8');
  return shipped
    .replace('gantry:8080', target)
    .replace('/run/secrets/gantry_token', tokenFile)
    .replace('scrape_interval: 15s', 'scrape_interval: 2s')
    .replace('scrape_timeout: 10s', 'scrape_timeout: 2s');
}

export interface RunningPrometheus {
  /** `data` of a reply of its HTTP API. Fails with Prometheus' own message. */
  ask(path: string, parameters?: Readonly<Record<string, string>>): Promise<any>;
  stop(): Promise<void>;
}

/** A real Prometheus with the shipped configuration and rules that scrapes `target` every 2 s with that token. */
export async function startPrometheus(
  program: string,
  folder: string,
  { target, token }: { readonly target: string; readonly token: string },
): Promise<RunningPrometheus> {
  const tokenFile = join(folder, 'token');
  const configFile = join(folder, 'prometheus.yml');
  await writeFile(tokenFile, `${token}\n`, { mode: 0o600 });
  await writeFile(configFile, await configFor(target, tokenFile));
  await writeFile(join(folder, 'rules.yml'), await readFile(join(DEPLOY, 'prometheus', 'rules.yml'), 'utf8'));
  const port = await freePort(HOST);
  const url = `http://${HOST}:${port}`;
  const running = await ManagedProcess.start({
    name: 'prometheus',
    command: program,
    args: [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${join(folder, 'tsdb')}`,
      `--web.listen-address=${HOST}:${port}`,
      '--enable-feature=exemplar-storage',
    ],
    ready: () =>
      until('Prometheus', () =>
        fetch(`${url}/-/ready`).then(
          ({ ok }) => ok,
          () => false,
        ),
      ).then(() => undefined),
    readyTimeoutMs: 60_000,
    log: memoryLog(),
  });
  return {
    ask: async (path, parameters = {}) => {
      const reply = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters).toString()}`);
      const { status, data, error } = (await reply.json()) as { status: string; data: unknown; error?: string };
      if (status !== 'success') throw new Error(`${path} ${JSON.stringify(parameters)}: ${error ?? status}`);
      return data;
    },
    stop: () => running.stop(),
  };
}
