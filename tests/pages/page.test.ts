import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { FakeWorld, fakeServer } from '../support/http-fakes.ts';
import { aggregate, healthy, statusOf } from '../support/http-samples.ts';
import type { Aggregate } from '../../src/messages/aggregate.ts';
import { until } from '../support/until.ts';
import { complaintsOf, launchChromium, skipWithoutChromium } from '../support/chromium.ts';
import { plainJpeg } from '../support/jpeg.ts';
import { drawnAt, pictured } from '../support/page-pixels.ts';

const later = (ms: number): string => new Date(Date.now() + ms).toISOString();

describe('the page', { skip: skipWithoutChromium }, () => {
  let browser: Browser;
  let page: Page;
  let world: FakeWorld;
  let server: Awaited<ReturnType<typeof fakeServer>>;
  let base = '';
  let complaints: readonly string[] = [];

  before(async () => {
    browser = await launchChromium();
  });
  after(() => browser.close());

  beforeEach(async () => {
    world = new FakeWorld();
    server = await fakeServer(world);
    base = await server.listen('127.0.0.1', 0);
    page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    complaints = complaintsOf(page);
  });
  afterEach(async () => {
    await page.close();
    await server.close();
    assert.deepEqual(complaints, [], 'nothing was wrong in the browser, its content policy included');
  });

  const open = async (): Promise<void> => {
    await page.goto(base);
    await page.waitForSelector('#feed-state[data-state="live"]');
  };
  const push = async (frame: Aggregate, picture: Buffer): Promise<Aggregate> => {
    server.feed.publish(world.saw(frame, picture));
    return frame;
  };
  const shows = (frame: Aggregate) =>
    page.waitForSelector(`[data-camera="${frame.cameraId}"] .picture[data-request="${frame.requestId}"]`);
  const text = (selector: string): Promise<string> => page.locator(selector).innerText();

  it('shows what to do when there is no camera', async () => {
    await open();
    assert.match(await text('#no-cameras'), /No camera is watched yet/u);
  });

  it('shows a pushed frame with its boxes and risk, and a newer one in its place', async () => {
    world.add('north');
    await open();
    assert.match(await text('[data-camera="north"] .veil'), /Waiting for the first frame/u);
    const first = await push(aggregate('north', { risk: 'medium' }), await plainJpeg(20, 40, 200));
    await shows(first);
    assert.equal(await text('[data-camera="north"] .badge'), 'MEDIUM');
    assert.equal(await text('[data-camera="north"] .source'), 'rules');
    assert.match(await text('[data-camera="north"] .text'), /A person walks 20 px beside a moving car/u);
    assert.match(await text('[data-camera="north"] .meta'), /ago.*latency[^]*3 objects/u);
    assert.ok((await pictured(page, 'north'))[2]! > 150, 'the picture of the first frame');
    const [r, g, b, a] = await drawnAt(page, 'north', 60, 210); // left edge of the group's box
    assert.deepEqual([r, g, b, a], [240, 140, 26, 255]);
    assert.ok((await drawnAt(page, 'north', 450, 95))[3]! > 200, 'the lone car has a box');
    assert.equal((await drawnAt(page, 'north', 600, 300))[3], 0, 'and nothing is drawn elsewhere');

    const second = await push(
      aggregate('north', { risk: 'high', timestamp: later(100), detectedObjects: [], trafficGroups: [] }),
      await plainJpeg(200, 40, 20),
    );
    await shows(second);
    assert.equal(await text('[data-camera="north"] .badge'), 'HIGH');
    assert.ok((await pictured(page, 'north'))[0]! > 150, 'the picture of the second frame');
    assert.equal((await drawnAt(page, 'north', 60, 210))[3], 0, 'no box of the first frame stays');
    assert.equal(await page.locator('#alerts li').count(), 1);
  });

  it('never puts an older frame over a newer one, but takes a better judgement of the same', async () => {
    world.add('north');
    await open();
    const newest = await push(
      aggregate('north', { risk: 'unknown', timestamp: later(0) }),
      await plainJpeg(20, 40, 200),
    );
    await shows(newest);
    await push(aggregate('north', { risk: 'high', timestamp: later(-4_000) }), await plainJpeg(200, 40, 20));
    await until('the older one to be known as an alert', () => page.locator('#alerts li').count());
    assert.equal(await text('[data-camera="north"] .badge'), 'UNKNOWN');
    assert.ok((await pictured(page, 'north'))[2]! > 150);
    server.feed.publish({ ...newest, revision: 1, riskAssessment: { ...newest.riskAssessment, maxRiskLevel: 'low' } });
    await page.waitForSelector('[data-camera="north"] .badge[data-level="low"]');
  });

  it('keeps boxes and picture together while the next picture loads slowly', async () => {
    world.add('north');
    await open();
    const first = await push(aggregate('north', { risk: 'medium' }), await plainJpeg(20, 40, 200));
    await shows(first);
    let release = (): void => undefined;
    world.imageGate = new Promise((resolve) => (release = resolve));
    await push(
      aggregate('north', { risk: 'high', timestamp: later(100), trafficGroups: [], detectedObjects: [] }),
      await plainJpeg(200, 40, 20),
    );
    const third = await push(
      aggregate('north', { risk: 'low', timestamp: later(200), trafficGroups: [], detectedObjects: [] }),
      await plainJpeg(20, 200, 40),
    );
    await page.waitForTimeout(300);
    assert.equal(await text('[data-camera="north"] .badge'), 'MEDIUM', 'the first frame still, whole');
    assert.equal((await drawnAt(page, 'north', 60, 210))[3], 255);
    release();
    await shows(third);
    assert.ok((await pictured(page, 'north'))[1]! > 150);
  });

  it('says when a picture is no longer kept, and still shows the judgement', async () => {
    world.add('north');
    await open();
    const frame = aggregate('north', { risk: 'low' });
    server.feed.publish(frame);
    await shows(frame);
    assert.match(await text('[data-camera="north"] .veil'), /no longer kept/u);
    assert.equal(await text('[data-camera="north"] .badge'), 'LOW');
  });

  it('marks a camera without new frames as stale, and shows its status', async () => {
    world.add('north', 'south');
    await open();
    const old = await push(aggregate('north', { timestamp: later(-12_000) }), await plainJpeg(20, 40, 200));
    await shows(old);
    await page.waitForSelector('[data-camera="north"].stale');
    assert.match(await text('[data-camera="north"] .meta'), /no new frame for 1\d s/u);
    assert.equal(await page.locator('[data-camera="south"].stale').count(), 0);
    world.cameras.set('south', { ...world.cameras.get('south')!, status: statusOf('south', 'offline') });
    server.feed.publishStatus(statusOf('south', 'offline'));
    await page.waitForSelector('[data-camera="south"] .dot[data-state="offline"]');
  });

  it('says that the feed is lost, comes back by itself, and shows what is new', async () => {
    world.add('north');
    await open();
    const { port } = new URL(base);
    await server.close();
    await page.waitForSelector('#feed-state[data-state="lost"]');
    assert.match(await text('#notices'), /live feed is disconnected/u);
    server = await fakeServer(world);
    await server.listen('127.0.0.1', Number(port));
    await page.waitForSelector('#feed-state[data-state="live"]', { timeout: 20_000 });
    await until('the notice to go', async () => !(await text('#notices')).includes('disconnected'));
    const frame = await push(aggregate('north', { risk: 'none' }), await plainJpeg(20, 40, 200));
    await shows(frame);
  });

  it('resumes after a lost connection: shows missed alerts, each once, and no older frame', async () => {
    world.add('north');
    server.feed.begin('e', 0);
    await open();
    let seq = 0;
    const live = async (frame: Aggregate, picture: Buffer): Promise<Aggregate> => {
      seq += 1;
      server.feed.publish(world.saw(frame, picture), { seq, through: seq });
      return frame;
    };
    const blue = await plainJpeg(20, 40, 200);
    const known = await live(aggregate('north', { risk: 'high', timestamp: later(0) }), blue);
    await shows(known);
    for (const socket of server.app.websocketServer.clients) socket.terminate();
    await until('nobody to be connected', () => server.figures().viewers === 0);
    const missed = await live(aggregate('north', { risk: 'high', timestamp: later(100) }), blue);
    const newest = await live(aggregate('north', { risk: 'low', timestamp: later(200) }), blue);
    assert.equal(await page.locator('#alerts li').count(), 1);
    await page.waitForSelector(`#alerts li[data-request="${missed.requestId}"]`);
    await shows(newest);
    assert.equal(await page.locator('#alerts li').count(), 2);
    assert.equal(await text('[data-camera="north"] .badge'), 'LOW');
    assert.ok(!(await text('#notices')).includes('missed'), 'nothing was');
  });

  it('says that frames were missed when the server knows its place no more, and still shows the alerts', async () => {
    world.add('north');
    server.feed.begin('e', 0);
    await open();
    const frame = aggregate('north', { risk: 'high' });
    server.feed.use({
      after: async () => [],
      alerts: async (from) => ('time' in from ? [{ aggregate: frame, seq: 1, storedAt: Date.now() }] : []),
    });
    server.feed.begin('another', 7);
    for (const socket of server.app.websocketServer.clients) socket.terminate();
    await until('the notice', async () => /frames were missed[^]*Every alert since/u.test(await text('#notices')));
    await page.waitForSelector(`#alerts li[data-request="${frame.requestId}"]`);
    server.feed.publish({
      ...frame,
      revision: 1,
      riskAssessment: {
        ...frame.riskAssessment,
        results: [{ ...frame.riskAssessment.results[0]!, description: 'A better judgement' }],
      },
    });
    await until('the better judgement', async () => /A better judgement/u.test(await text('#alerts')));
    assert.equal(await page.locator('#alerts li').count(), 1);
  });

  it('says what is missing: Redis stand-in, NATS away', async () => {
    world.health = {
      ...healthy,
      status: 'degraded',
      redis: { state: 'connected', durable: false, notice: null, failedWrites: 0 },
    };
    await open();
    await until('the notice', async () => /stand-in/u.test(await text('#notices')));
    world.health = { ...healthy, status: 'down', nats: { state: 'reconnecting', notice: null } };
    await until('the next notice', async () => /NATS cannot be reached/u.test(await text('#notices')));
  });

  it('adds a camera, and names the field that is wrong', async () => {
    await open();
    await page.click('#add-camera');
    await page.fill('[name="cameraId"]', 'north');
    await page.fill('[name="url"]', 'file:///etc/passwd');
    await page.keyboard.press('Enter');
    await page.waitForSelector('[name="url"][aria-invalid="true"]');
    assert.equal(await text('#e-url'), 'scheme must be rtsp or rtsps, not file');
    assert.equal(await page.evaluate("document.activeElement.getAttribute('name')"), 'url');
    await page.fill('[name="url"]', 'rtsp://u:geheim@192.0.2.1/x');
    await page.keyboard.press('Enter');
    await page.waitForSelector('[data-camera="north"]');
    assert.equal(await page.locator('#camera-dialog[open]').count(), 0);
    assert.ok(!(await page.content()).includes('geheim'));
    await page.click('#add-camera');
    await page.fill('[name="cameraId"]', 'north');
    await page.fill('[name="url"]', 'rtsp://192.0.2.1/x');
    await page.keyboard.press('Enter');
    await until('the error', async () => /a camera north exists/u.test(await text('#e-cameraId')));
  });

  it('removes a camera after asking', async () => {
    world.add('north', 'south');
    await open();
    await page.getByRole('button', { name: 'Remove north' }).click();
    await page.keyboard.press('Escape');
    assert.deepEqual(world.removed, []);
    await page.getByRole('button', { name: 'Remove north' }).click();
    await page.click('#remove-confirm');
    await page.waitForSelector('[data-camera="north"]', { state: 'detached' });
    assert.deepEqual(world.removed, ['north']);
    assert.equal(await page.locator('.tile').count(), 1);
  });

  it('shows the supervision tree as it is now', async () => {
    world.add('north');
    await open();
    await page.waitForSelector('#tree .node >> text=north');
    assert.match(await text('#tree'), /north[^]*1 restart · 3\/100 · 2 dropped/u);
    world.treeNow = JSON.parse(
      JSON.stringify(world.treeNow).replace(
        '"kind":"camera","state":"running"',
        '"kind":"camera","state":"backing-off"',
      ),
    );
    await page.waitForSelector('#tree .dot[data-state="backing-off"]');
    assert.match(await text('#tree'), /the thread ended/u);
  });

  it('shows fifty cameras, loading only the pictures that can be seen', async () => {
    const ids = Array.from({ length: 50 }, (_, index) => `cam-${index + 1}`);
    world.add(...ids);
    let loaded = 0;
    page.on('request', (request) => {
      if (request.url().includes('/api/images/')) loaded += 1;
    });
    await open();
    await page.waitForSelector('[data-camera="cam-50"]', { state: 'attached' });
    const picture = await plainJpeg(20, 40, 200);
    const frames = await Promise.all(ids.map((id) => push(aggregate(id, { risk: 'low' }), picture)));
    await shows(frames[0]!);
    assert.deepEqual(
      await page
        .locator('.tile')
        .evaluateAll((tiles) => tiles.slice(0, 3).map((tile) => tile.getAttribute('data-camera'))),
      ['cam-1', 'cam-2', 'cam-3'],
    );
    assert.ok(loaded < 30, `${loaded} pictures were loaded`);
    await page.locator('[data-camera="cam-50"]').scrollIntoViewIfNeeded();
    await shows(frames[49]!);
  });

  it('treats names from outside as text', async () => {
    world.add('north');
    const camera = world.cameras.get('north')!;
    world.cameras.set('north', { ...camera, config: { ...camera.config, name: '<img src=x onerror=alert(1)>' } });
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
    world.add('north');
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
    const [disputed, byRules] = await page.locator('[data-camera="north"] .mark').all();
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
    assert.equal(await page.locator('#alerts .mark').count(), 2);
  });
});
