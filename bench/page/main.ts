/**
 * `npm run bench:page -- --cameras 500 [--minutes 15] [--quick] [--json]`: Chromium beside a server that sends each
 * camera's frame once a second, with a picture: first paint, frames while scrolling, alerts from their sending to the
 * screen, and the memory of the page's process over the minutes. On two cores.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { ChildProcess } from 'node:child_process';
import type { Page } from 'playwright-core';
import { launchChromium, skipWithoutChromium } from '../../tests/support/chromium.ts';
import { nextOf, startChild } from '../child.ts';
import { bar, machine, median, print, resultOf } from '../harness.ts';
import type { AlertSent, PageServerOrder, PageServerReady } from './messages.ts';
import { paintedAlerts, paintTimes, scrollFrames, watchAlerts } from './probe.ts';

const { values } = parseArgs({
  options: {
    cameras: { type: 'string', default: '500' },
    minutes: { type: 'string' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (values.help) {
  console.log('options: --cameras N (500), --minutes N (15), --quick (under a minute), --json (the last line is JSON)');
  process.exit(0);
}
if (skipWithoutChromium !== false) throw new Error(skipWithoutChromium);

const CAMERAS = Number(values.cameras);
const MINUTES = Number(values.minutes ?? (values.quick ? 0.4 : 15));
const SCROLL_S = values.quick ? 6 : 20;
const WARM_UP_S = values.quick ? 5 : 60;
const ALERTS_PER_SECOND = 2;
const CORES = 2;
const MEMORY_SAMPLES = values.quick ? 4 : 30;

/** This process and those that it starts run on two cores. */
function pin(): void {
  if (availableParallelism() > CORES) execFileSync('taskset', ['-a', '-p', '-c', '0,1', String(process.pid)]);
}

/** Resident memory of the page's process, MB: the largest renderer. */
function rendererMb(): number {
  const sizes = readdirSync('/proc')
    .filter((name) => /^\d+$/u.test(name))
    .flatMap((pid) => {
      try {
        if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('--type=renderer')) return [];
        const kb = /^VmRSS:\s+(\d+)/mu.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
        return [Number(kb) / 1024];
      } catch {
        return []; // it ended meanwhile
      }
    });
  return Math.max(0, ...sizes);
}

/** Ms from the sending of alerts to the screen. */
async function latencies(page: Page, sent: ReadonlyMap<string, number>): Promise<number[]> {
  return (await paintedAlerts(page)).flatMap(([id, at]) => {
    const from = sent.get(id);
    return from === undefined ? [] : [at - from];
  });
}

async function memoryOver(minutes: number, page: Page, sent: ReadonlyMap<string, number>, all: number[]) {
  const samples: number[] = [];
  for (let count = 0; count < MEMORY_SAMPLES; count += 1) {
    await delay((minutes * 60_000) / MEMORY_SAMPLES);
    samples.push(rendererMb());
    all.push(...(await latencies(page, sent)));
  }
  return samples;
}

const percentile = (samples: readonly number[], share: number): number => {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
};

/** Of the later third beside the earlier third: the growth as a part. */
function growth(samples: readonly number[]): number {
  const third = Math.max(1, Math.floor(samples.length / 3));
  return median(samples.slice(-third)) / median(samples.slice(0, third)) - 1;
}

async function measure(server: ChildProcess): Promise<void> {
  server.send({ cameras: CAMERAS, alertsPerSecond: ALERTS_PER_SECOND } satisfies PageServerOrder);
  const { url } = await nextOf<PageServerReady>(server);
  const sent = new Map<string, number>();
  server.on('message', ({ requestId, at }: AlertSent) => sent.set(requestId, at));
  const browser = await launchChromium();
  try {
    const page = await browser.newPage({ viewport: { width: 1920, height: 1080 } });
    await watchAlerts(page);
    await page.goto(url);
    const paint = await paintTimes(page);
    await delay(WARM_UP_S * 1000);
    await paintedAlerts(page);
    const frames = await scrollFrames(page, SCROLL_S);
    const whileScrolling = await latencies(page, sent);
    const alerts = [...whileScrolling];
    const memory = await memoryOver(MINUTES, page, sent, alerts);
    const results = [
      resultOf('first paint', 'page', 'ms', [paint.first]),
      resultOf('first picture of a camera', 'page', 'ms', [paint.picture]),
      resultOf('frame while scrolling', 'page', 'ms', frames),
      resultOf('alert on the screen', 'page', 'ms', alerts),
      resultOf('alert on the screen while scrolling', 'page', 'ms', whileScrolling),
      resultOf('memory of the page', 'page', 'MB', memory),
    ];
    const within = frames.filter((ms) => ms <= 33.5).length / frames.length;
    const bars = [
      bar('first paint', paint.first, 'ms', '<=', 2_000),
      bar('frames of at most 33 ms while scrolling', within * 100, '%', '>=', 99),
      bar('alert on the screen, P99', percentile(alerts, 0.99), 'ms', '<=', 250),
      bar(`growth of memory over ${MINUTES} min`, Math.abs(growth(memory)) * 100, '%', '<=', 5),
    ];
    const options = { json: values.json, quick: values.quick };
    print({ name: `page with ${CAMERAS} cameras`, machine: machine(), results, bars }, options);
  } finally {
    await browser.close();
  }
}

pin();
const server = startChild(import.meta.dirname, 'server.ts');
try {
  await measure(server);
} finally {
  server.disconnect();
}
