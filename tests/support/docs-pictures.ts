/**
 * Takes the pictures of the page for the documents, of a running open Gantry with the demo camera and an alert:
 * `node tests/support/docs-pictures.ts http://127.0.0.1:8080`. Needs Chromium.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { launchChromium } from './chromium.ts';

const FOLDER = join(import.meta.dirname, '..', '..', 'docs', 'pictures');
const ADDRESS = process.argv[2] ?? 'http://127.0.0.1:8080';
/** For the demo street to move on, plots to fill and videos to start. */
const SETTLE_MS = 4_000;

const list = await fetch(new URL('/api/alerts?limit=1', ADDRESS));
const { alerts }: { alerts: { alertId: string }[] } = (await list.json()) as never;
const [newest] = alerts;
if (newest === undefined) throw new Error('there is no alert yet: try again in a minute');

const VIEWS: Readonly<Record<string, string>> = {
  wall: '/wall',
  camera: '/cameras/demo',
  'scene-editor': '/cameras/demo/scene',
  alert: `/alerts/${newest.alertId}?tab=list`,
  'alarm-load': '/load',
  budget: '/budget',
  system: '/system/tree',
};

await mkdir(FOLDER, { recursive: true });
const browser = await launchChromium();
const page = await browser.newPage({ viewport: { width: 1_280, height: 800 }, locale: 'en', colorScheme: 'light' });
for (const [name, path] of Object.entries(VIEWS)) {
  await page.goto(`${ADDRESS}/#${path}`);
  await page.waitForSelector('#feed-state[data-state="live"]');
  await page.waitForTimeout(SETTLE_MS);
  const { size } = await sharp(await page.screenshot())
    .jpeg({ quality: 72, mozjpeg: true })
    .toFile(join(FOLDER, `${name}.jpg`));
  console.log(`${name}.jpg: ${Math.ceil(size / 1024)} kB`);
}
await browser.close();
