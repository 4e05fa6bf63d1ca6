import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SceneConfig } from '../../src/messages/scene.ts';
import type { Aggregate } from '../../src/messages/aggregate.ts';
import { aggregate, config, countedBin, incidentOf, record, SCENE } from '../support/http-samples.ts';
import { skipWithoutChromium } from '../support/chromium.ts';
import { plainJpeg } from '../support/jpeg.ts';
import { later, servedPage } from '../support/served-page.ts';
import { until } from '../support/until.ts';

describe('the view of a camera', { skip: skipWithoutChromium }, () => {
  const at = servedPage();
  const button = (name: string) => at.page.getByRole('button', { name, exact: true });

  const openCamera = async (id = 'north'): Promise<void> => {
    await at.page.goto(`${at.base}/#/cameras/${id}`);
    await at.page.waitForSelector('#feed-state[data-state="live"]');
  };

  /** An alert about an incident, `ms` from now. */
  function keep(ms: number, incidentId: string): Aggregate {
    const { requestId, ...frame } = aggregate('north', { risk: 'high' });
    const incidents = [incidentOf(requestId, incidentId)];
    return at.world.keepAlert({ ...frame, requestId, timestamp: later(ms), incidents });
  }

  async function see(ms: number, x: number, more: Partial<Aggregate> = {}): Promise<Aggregate> {
    const frame = aggregate('north', { timestamp: later(ms), ...more });
    const [first, ...others] = frame.detectedObjects;
    const moved = [{ ...first!, bbox: [x, 150, x + 200, 280] as [number, number, number, number] }, ...others];
    at.server.feed.publish(at.world.saw({ ...frame, detectedObjects: moved }, await plainJpeg(20, 40, 200)));
    await at.page.waitForSelector(`.camera-picture[data-request="${frame.requestId}"]`);
    return frame;
  }

  it('shows picture, tracks, zones and events, and hides each layer', async () => {
    const scene = SceneConfig.parse({
      ...SCENE,
      lines: [
        {
          id: 'gate',
          points: [
            [400, 500],
            [900, 500],
          ],
        },
      ],
    });
    at.world.cameras.set('north', record(config('north', { scene, name: 'North gate' })));
    at.world.counts.set('north', [countedBin(later(-120_000)), countedBin(later(-60_000))]);
    await openCamera();
    await see(0, 60);
    const { requestId } = aggregate('north');
    const incident = { ...incidentOf(requestId), state: 'open' as const, alertId: requestId };
    await see(500, 90, { requestId, incidents: [incident] });
    const track = at.page.locator('.layer-tracks [data-track="7"]');
    assert.equal(await track.getAttribute('points'), '160,280 190,280');
    assert.deepEqual(await at.page.locator('.layer-scene text').allTextContents(), ['north-bound', 'gate']);
    assert.match(await at.text('.camera-events'), /HIGH\s+Near miss in a: TTC 0\.9 s[^]*open/iu);
    assert.match(await at.text('.camera-figures'), /1 zones, 1 counting lines, calibrated/u);
    assert.match(await at.text('.camera-figures'), /rtsp:\/\/viewer:\*\*\*@/u);
    for (const layer of ['Tracks', 'Zones and lines'])
      await at.page.locator('.switch', { hasText: layer }).first().click();
    await until('both layers to be hidden', async () => (await at.page.locator('.camera-layers > g').count()) === 0);
    assert.match(await at.text('.counts figcaption'), /crossings of lines/u);
    await at.page.locator('.counts summary').click();
    assert.match(await at.text('.counts .plot-table'), /gate →[^]*gate ←[^]*2\s+0/u);
  });

  it('puts incidents on an axis of time; a click opens the alert, and so do keys alone', async () => {
    at.world.add('north');
    const [old, recent] = [keep(-7_200_000, 'north-a-1'), keep(-600_000, 'north-a-2')];
    await openCamera();
    await at.page.waitForSelector('.timeline-mark');
    assert.deepEqual(await at.page.locator('.timeline-kind').first().innerText(), 'Near miss');
    const marks = at.page.locator('.timeline-mark');
    assert.equal(await marks.count(), 2);
    await marks.first().click();
    await at.page.waitForURL(new RegExp(`#/alerts/${old.requestId}$`, 'u'));
    await at.page.goBack();
    await at.page.waitForSelector('.timeline-mark');
    await at.page.locator('.timeline [data-name="timeline-hours"]').focus();
    await at.page.keyboard.press('Tab');
    assert.match(
      await at.page.evaluate<string>("document.activeElement.getAttribute('aria-label')"),
      /Near miss, high/u,
    );
    await at.page.keyboard.press('ArrowLeft');
    await until(
      'the older one',
      async () =>
        (await at.page.locator('.timeline-mark:focus').getAttribute('href'))?.endsWith(old.requestId) === true,
    );
    await at.page.keyboard.press('ArrowRight');
    await until(
      'the newer one',
      async () =>
        (await at.page.locator('.timeline-mark:focus').getAttribute('href'))?.endsWith(recent.requestId) === true,
    );
    await at.page.keyboard.press('Enter');
    await at.page.waitForURL(new RegExp(`#/alerts/${recent.requestId}$`, 'u'));
  });

  it('changes settings, names the field that is wrong, and restarts the camera', async () => {
    at.world.add('north');
    await openCamera();
    await button('Settings').click();
    const dialog = at.page.locator('[data-dialog="camera-settings"]');
    await dialog.locator('[name="name"]').fill('North gate');
    await dialog.locator('[name="intervalSeconds"]').fill('900');
    await at.page.keyboard.press('Enter');
    await until('the refusal', async () =>
      /at most 60/u.test(await dialog.locator('.field:has([name="intervalSeconds"]) .error').innerText()),
    );
    assert.equal(await at.page.evaluate("document.activeElement.getAttribute('name')"), 'intervalSeconds');
    await dialog.locator('[name="intervalSeconds"]').fill('0.5');
    await dialog.locator('[name="prompt"]').fill('A bridge.');
    await dialog.locator('.switch').click();
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.waitFor({ state: 'detached' });
    const { url, ...changed } = at.world.cameras.get('north')!.config;
    assert.match(url, /s3cret/u, 'the address stays');
    assert.deepEqual(changed, {
      cameraId: 'north',
      name: 'North gate',
      enabled: false,
      intervalSeconds: 0.5,
      prompt: 'A bridge.',
    });
    await until('the new name', async () => (await at.text('.camera-head h2')) === 'North gate');
    await button('Restart').click();
    await at.page.locator('[data-dialog="restart-camera"]').getByRole('button', { name: 'Restart' }).click();
    await until('the restart to be recorded', () => at.world.audited.some(({ action }) => action === 'actor.restart'));
  });

  it('says so when there is no such camera', async () => {
    at.world.add('north');
    await openCamera('south');
    await until('the words', async () => /no camera south/u.test(await at.text('#content')));
  });
});
