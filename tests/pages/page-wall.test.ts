import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { aggregate, healthy, statusOf } from '../support/http-samples.ts';
import { until } from '../support/until.ts';
import { skipWithoutChromium } from '../support/chromium.ts';
import { plainJpeg } from '../support/jpeg.ts';
import { drawnAt, pictured } from '../support/page-pixels.ts';
import { later, servedPage } from '../support/served-page.ts';

describe('the wall', { skip: skipWithoutChromium }, () => {
  const at = servedPage();
  const { open, push, shows, text } = at;

  it('shows what to do when there is no camera', async () => {
    await open();
    assert.match(await text('#no-cameras'), /No camera is watched yet/u);
  });

  it('shows a pushed frame with its boxes and risk, and a newer one in its place', async () => {
    at.world.add('north');
    await open();
    assert.match(await text('[data-camera="north"] .veil'), /Waiting for the first frame/u);
    const first = await push(aggregate('north', { risk: 'medium' }), await plainJpeg(20, 40, 200));
    await shows(first);
    assert.equal(await text('[data-camera="north"] .badge'), 'MEDIUM');
    assert.equal(await text('[data-camera="north"] .source'), 'rules');
    assert.match(await text('[data-camera="north"] .text'), /A person walks 20 px beside a moving car/u);
    assert.match(await text('[data-camera="north"] .meta'), /ago.*latency[^]*3 objects/u);
    assert.ok((await pictured(at.page, 'north'))[2]! > 150, 'the picture of the first frame');
    const [r, g, b, a] = await drawnAt(at.page, 'north', 60, 210); // left edge of the group's box
    assert.deepEqual([r, g, b, a], [240, 140, 26, 255]);
    assert.ok((await drawnAt(at.page, 'north', 450, 95))[0]! > 60, 'the lone car has a box');
    assert.deepEqual(await drawnAt(at.page, 'north', 600, 300), await pictured(at.page, 'north'), 'nothing elsewhere');

    const second = await push(
      aggregate('north', { risk: 'high', timestamp: later(100), detectedObjects: [], trafficGroups: [] }),
      await plainJpeg(200, 40, 20),
    );
    await shows(second);
    assert.equal(await text('[data-camera="north"] .badge'), 'HIGH');
    assert.ok((await pictured(at.page, 'north'))[0]! > 150, 'the picture of the second frame');
    assert.deepEqual(await drawnAt(at.page, 'north', 60, 210), await pictured(at.page, 'north'), 'no old box stays');
    assert.equal(await at.page.locator('#alerts li').count(), 1);
  });

  it('never puts an older frame over a newer one, but takes a better judgement of the same', async () => {
    at.world.add('north');
    await open();
    const newest = await push(
      aggregate('north', { risk: 'unknown', timestamp: later(0) }),
      await plainJpeg(20, 40, 200),
    );
    await shows(newest);
    await push(aggregate('north', { risk: 'high', timestamp: later(-4_000) }), await plainJpeg(200, 40, 20));
    await until('the older one to be known as an alert', () => at.page.locator('#alerts li').count());
    assert.equal(await text('[data-camera="north"] .badge'), 'UNKNOWN');
    assert.ok((await pictured(at.page, 'north'))[2]! > 150);
    at.server.feed.publish({
      ...newest,
      revision: 1,
      riskAssessment: { ...newest.riskAssessment, maxRiskLevel: 'low' },
    });
    await at.page.waitForSelector('[data-camera="north"] .badge[data-level="low"]');
  });

  it('keeps boxes and picture together while the next picture loads slowly', async () => {
    at.world.add('north');
    await open();
    const first = await push(aggregate('north', { risk: 'medium' }), await plainJpeg(20, 40, 200));
    await shows(first);
    let release = (): void => undefined;
    at.world.imageGate = new Promise((resolve) => (release = resolve));
    await push(
      aggregate('north', { risk: 'high', timestamp: later(100), trafficGroups: [], detectedObjects: [] }),
      await plainJpeg(200, 40, 20),
    );
    const third = await push(
      aggregate('north', { risk: 'low', timestamp: later(200), trafficGroups: [], detectedObjects: [] }),
      await plainJpeg(20, 200, 40),
    );
    await at.page.waitForTimeout(300);
    assert.equal(await text('[data-camera="north"] .badge'), 'MEDIUM', 'the first frame still, whole');
    assert.deepEqual(await drawnAt(at.page, 'north', 60, 210), [240, 140, 26, 255]);
    release();
    await shows(third);
    assert.ok((await pictured(at.page, 'north'))[1]! > 150);
  });

  it('says when a picture is no longer kept, and still shows the judgement', async () => {
    at.world.add('north');
    await open();
    const frame = aggregate('north', { risk: 'low' });
    at.server.feed.publish(frame);
    await shows(frame);
    assert.match(await text('[data-camera="north"] .veil'), /no longer kept/u);
    assert.equal(await text('[data-camera="north"] .badge'), 'LOW');
  });

  it('marks a camera without new frames as stale, and shows its status', async () => {
    at.world.add('north', 'south');
    await open();
    const old = await push(aggregate('north', { timestamp: later(-12_000) }), await plainJpeg(20, 40, 200));
    await shows(old);
    await at.page.waitForSelector('[data-camera="north"].stale');
    assert.match(await text('[data-camera="north"] .meta'), /no new frame for [1-9]\d+ s/u);
    assert.equal(await at.page.locator('[data-camera="south"].stale').count(), 0);
    at.world.cameras.set('south', { ...at.world.cameras.get('south')!, status: statusOf('south', 'offline') });
    at.server.feed.publishStatus(statusOf('south', 'offline'));
    await at.page.waitForSelector('[data-camera="south"] .dot[data-state="offline"]');
  });

  it('says what is missing: Redis stand-in, NATS away', async () => {
    at.world.health = {
      ...healthy,
      status: 'degraded',
      redis: { state: 'connected', durable: false, notice: null, failedWrites: 0 },
    };
    await open();
    await at.page
      .locator('#notices')
      .getByText(/stand-in/u)
      .waitFor();
    at.world.health = { ...healthy, status: 'down', nats: { state: 'reconnecting', notice: null } };
    await at.page
      .locator('#notices')
      .getByText(/NATS cannot be reached/u)
      .waitFor();
  });

  it('adds a camera, and names the field that is wrong', async () => {
    await open();
    await at.page.click('#add-camera');
    await at.page.fill('[name="cameraId"]', 'north');
    await at.page.fill('[name="url"]', 'file:///etc/passwd');
    await at.page.keyboard.press('Enter');
    await at.page.waitForSelector('[name="url"][aria-invalid="true"]');
    assert.equal(await text('.field:has([name="url"]) .error'), 'scheme must be rtsp or rtsps, not file');
    assert.equal(await at.page.evaluate("document.activeElement.getAttribute('name')"), 'url');
    await at.page.fill('[name="url"]', 'rtsp://u:geheim@192.0.2.1/x');
    await at.page.keyboard.press('Enter');
    await at.page.waitForSelector('[data-camera="north"]');
    assert.equal(await at.page.locator('[data-dialog="add-camera"]').count(), 0);
    assert.ok(!(await at.page.content()).includes('geheim'));
    await at.page.click('#add-camera');
    await at.page.fill('[name="cameraId"]', 'north');
    await at.page.fill('[name="url"]', 'rtsp://192.0.2.1/x');
    await at.page.keyboard.press('Enter');
    await until('the error', async () =>
      /a camera north exists/u.test(await text('.field:has([name="cameraId"]) .error')),
    );
  });

  it('removes a camera after asking', async () => {
    at.world.add('north', 'south');
    await open();
    await at.page.getByRole('button', { name: 'Remove north' }).click();
    await at.page.waitForSelector('.dialog:focus-within');
    await at.page.keyboard.press('Escape');
    assert.deepEqual(at.world.removed, []);
    await at.page.getByRole('button', { name: 'Remove north' }).click();
    await at.page.getByRole('button', { name: 'Remove', exact: true }).click();
    await at.page.waitForSelector('[data-camera="north"]', { state: 'detached' });
    assert.deepEqual(at.world.removed, ['north']);
    assert.equal(await at.page.locator('.tile').count(), 1);
  });

  it('shows fifty cameras, loading only the pictures that can be seen', async () => {
    const ids = Array.from({ length: 50 }, (_, index) => `cam-${index + 1}`);
    at.world.add(...ids);
    let loaded = 0;
    at.page.on('request', (request) => {
      if (request.url().includes('/api/images/')) loaded += 1;
    });
    await open();
    await at.page.waitForSelector('[data-camera="cam-3"]');
    const picture = await plainJpeg(20, 40, 200);
    const frames = await Promise.all(ids.map((id) => push(aggregate(id, { risk: 'low' }), picture)));
    await shows(frames[0]!);
    assert.deepEqual(
      await at.page
        .locator('.tile')
        .evaluateAll((tiles) => tiles.slice(0, 3).map((tile) => tile.getAttribute('data-camera'))),
      ['cam-1', 'cam-2', 'cam-3'],
    );
    assert.ok(loaded < 30, `${loaded} pictures were loaded`);
    const made = await at.page.locator('.tile').count();
    assert.ok(made < 30, `${made} tiles exist`);
    await at.page.locator('.wall-scroll').focus();
    await at.page.keyboard.press('End');
    await at.page.waitForSelector('[data-camera="cam-50"]');
    await shows(frames[49]!);
  });

  it('treats names from outside as text', async () => {
    at.world.add('north');
    const camera = at.world.cameras.get('north')!;
    at.world.cameras.set('north', { ...camera, config: { ...camera.config, name: '<img src=x onerror=alert(1)>' } });
    await open();
    const frame = aggregate('north', { risk: 'high' });
    const results = frame.riskAssessment.results.map((result) => ({
      ...result,
      description: '<script>alert(2)</script>',
    }));
    await push({ ...frame, riskAssessment: { ...frame.riskAssessment, results } }, await plainJpeg(1, 2, 3));
    await shows(frame);
    assert.equal(await text('[data-camera="north"] h3'), '<img src=x onerror=alert(1)>');
    assert.equal(await text('[data-camera="north"] .text'), '<script>alert(2)</script>');
  });

  it('marks what is disputed and what rules judged in place of the model, as text', async () => {
    at.world.add('north');
    await open();
    const frame = aggregate('north', { risk: 'high' });
    const dispute = {
      measured: 'high',
      model: 'none',
      description: 'A person is 10 px from a <b>vehicle</b>.',
    } as const;
    const reason = { code: 'content-refused', message: 'the model declined <i>to answer</i>' } as const;
    const results = frame.riskAssessment.results.map((result) => ({
      ...result,
      disputed: dispute,
      degradedReason: reason,
    }));
    await push({ ...frame, riskAssessment: { ...frame.riskAssessment, results } }, await plainJpeg(1, 2, 3));
    await shows(frame);
    const [disputed, byRules] = await at.page.locator('[data-camera="north"] .mark').all();
    assert.deepEqual(
      { disputed: await disputed?.innerText(), byRules: await byRules?.innerText() },
      { disputed: 'disputed', byRules: 'by rules' },
    );
    assert.match(
      (await disputed?.getAttribute('title')) ?? '',
      /measured high, the model says none\. A person is 10 px from a <b>/u,
    );
    assert.match(
      (await byRules?.getAttribute('title')) ?? '',
      /assessed by rules, not by the model: the model declined <i>/u,
    );
    assert.match(
      await text('[data-camera="north"] .text'),
      /A person is 10 px from a <b>vehicle<\/b>\. The model says none/u,
    );
    assert.equal(await at.page.locator('#alerts .mark').count(), 2);
  });
});
