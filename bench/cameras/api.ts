/** Cameras of a running Gantry by its API, and its metrics. */
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { cameraName } from './loop.ts';

const ATTEMPTS = 20;
const AGAIN_MS = 1_000;
const ONLINE_EVERY_MS = 500;
const Cameras = z.array(z.object({ cameraId: z.string(), status: z.object({ state: z.string() }) }));

/** Tries again when the connection breaks, for requests that may be repeated. */
async function call(url: URL, init: RequestInit = {}): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    const response = await fetch(url, init).catch((thrown: unknown) => {
      if (attempt === ATTEMPTS) throw thrown;
      return null;
    });
    if (response === null) {
      await delay(AGAIN_MS);
      continue;
    }
    if (response.ok) return response;
    throw new Error(`${init.method ?? 'GET'} ${url.pathname}: ${response.status} ${await response.text()}`);
  }
}

export interface CamerasOrder {
  readonly httpUrl: string;
  readonly rtspPort: number;
  readonly intervalSeconds: number;
}

/** One after the other: Gantry starts each camera before it answers, and refuses when that takes long. */
export async function addCameras(order: CamerasOrder, cameras: readonly number[]): Promise<void> {
  for (const camera of cameras) await addCamera(order, cameraName(camera));
}

async function addCamera({ httpUrl, rtspPort, intervalSeconds }: CamerasOrder, cameraId: string): Promise<void> {
  const body = JSON.stringify({ cameraId, url: `rtsp://127.0.0.1:${rtspPort}/${cameraId}`, intervalSeconds });
  const headers = { 'content-type': 'application/json' };
  for (let attempt = 1; ; attempt++) {
    const response = await fetch(new URL('/api/cameras', httpUrl), { method: 'POST', headers, body });
    const text = await response.text();
    // 409: an earlier attempt was given up here, not there.
    if (response.ok || (response.status === 409 && attempt > 1)) return;
    if (response.status !== 503 || attempt === ATTEMPTS) throw new Error(`adding a camera: ${response.status} ${text}`);
    await delay(AGAIN_MS);
  }
}

export async function removeCameras({ httpUrl }: CamerasOrder, cameras: readonly number[]): Promise<void> {
  for (const camera of cameras)
    await call(new URL(`/api/cameras/${cameraName(camera)}`, httpUrl), { method: 'DELETE' });
}

/** Waits until `count` cameras are online, at most `mostMs`; resolves to the number that is. */
export async function untilOnline(httpUrl: string, count: number, mostMs: number): Promise<number> {
  const deadline = performance.now() + mostMs;
  for (;;) {
    const body = await (await call(new URL('/api/cameras', httpUrl))).json();
    const online = Cameras.parse(body).filter(({ status }) => status.state === 'online').length;
    if (online >= count || performance.now() > deadline) return online;
    await delay(ONLINE_EVERY_MS);
  }
}

/** Counters by name and labels, those of all cameras together. */
export async function readCounters(httpUrl: string): Promise<ReadonlyMap<string, number>> {
  const text = await (await call(new URL('/metrics', httpUrl))).text();
  const counters = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [, name = '', labels = '', value = ''] = /^(\w+_total)(?:\{(.*)\})? (\S+)$/u.exec(line) ?? [];
    if (name === '') continue;
    const kept = labels.split(',').filter((label) => label !== '' && !label.startsWith('camera'));
    const key = kept.length === 0 ? name : `${name}{${kept.join(',')}}`;
    counters.set(key, (counters.get(key) ?? 0) + Number(value));
  }
  return counters;
}

const TROUBLE = /refused|reject|fail|shed|drop|miss|lost|late|skip|restart|gone|undecodable|unknown|error|invalid/u;

/** Counters of trouble that rose between two readings. */
export const troubleBetween = (
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): readonly (readonly [name: string, count: number])[] =>
  [...after].flatMap(([name, count]) => {
    const rise = count - (before.get(name) ?? 0);
    return rise > 0 && TROUBLE.test(name) ? [[name, rise] as const] : [];
  });
