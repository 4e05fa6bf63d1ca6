import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import type { HttpServerOptions } from '../../src/http/server.ts';
import { ensurePage } from '../support/built-page.ts';
import { FakeWorld, fakeServer } from '../support/http-fakes.ts';
import { aggregate } from '../support/http-samples.ts';
import { prefixProxy } from '../support/prefix-proxy.ts';
import { until } from '../support/until.ts';
import { complaintsOf, launchChromium, skipWithoutChromium } from '../support/chromium.ts';
import { plainJpeg } from '../support/jpeg.ts';

const TOKEN = 'letmein-letmein';

describe('the page, from where it may be reached', { skip: skipWithoutChromium }, () => {
  let browser: Browser;
  before(async () => {
    await ensurePage();
    browser = await launchChromium();
  });
  after(() => browser.close());

  async function serve(t: TestContext, options: Partial<HttpServerOptions>) {
    const world = new FakeWorld().add('north');
    const server = await fakeServer(world, options);
    t.after(() => server.close());
    const base = await server.listen('127.0.0.1', 0);
    const context = await browser.newContext();
    t.after(() => context.close());
    const page = await context.newPage();
    const complaints = complaintsOf(page);
    const addresses: string[] = [];
    page.on('request', (request) => addresses.push(request.url()));
    page.on('websocket', (socket) => addresses.push(socket.url()));
    return { world, server, base, page, addresses, complaints };
  }

  const isLive = (page: Page) => page.waitForSelector('#feed-state[data-state="live"]', { timeout: 60_000 });

  for (const strip of [true, false]) {
    it(`works with a token under a base path that a proxy ${strip ? 'strips' : 'passes on'}`, async (t) => {
      const { world, server, base, page, addresses, complaints } = await serve(t, {
        token: TOKEN,
        basePath: '/gantry',
        allowedHosts: ['127.0.0.1'],
      });
      const proxy = await prefixProxy(base, '/gantry', strip);
      t.after(() => proxy.close());
      await page.goto(`${proxy.url}/gantry#token=${TOKEN}`);
      await isLive(page);
      assert.ok(!page.url().includes('letmein'));
      const frame = world.saw(aggregate('north', { risk: 'high' }), await plainJpeg(32, 64, 192));
      world.images.set(frame.trafficGroups[0]!.cropId!, await plainJpeg(32, 64, 192));
      server.feed.publish(frame);
      await page.waitForSelector(`.picture[data-request="${frame.requestId}"][data-pictured="true"]`);
      await until('the crop of the alert', () =>
        page.evaluate<number>(`document.querySelector('#alerts img')?.naturalWidth ?? 0`),
      );
      await page.getByRole('button', { name: 'Live video of north' }).click();
      await until('live video to be asked for', () =>
        addresses.some((each) => each.includes('/gantry/ws/live/north?ticket=')),
      );

      const connections = addresses.filter((each) => each.includes('/ws?'));
      for (const socket of server.app.websocketServer.clients) socket.terminate();
      await until(
        'a second connection, with a ticket of its own',
        () => new Set(addresses.filter((each) => each.includes('/ws?'))).size > connections.length,
      );
      await isLive(page);

      assert.ok(
        addresses.every((each) => new URL(each).pathname.startsWith('/gantry') || each.startsWith('blob:')),
        addresses.join('\n'),
      );
      // The fragment, where the token was told to the page, is sent to nobody.
      assert.ok(
        addresses.every((each) => !each.split('#')[0]!.includes('letmein')),
        'the token is in no address',
      );
      assert.ok(addresses.some((each) => each.includes('/gantry/api/images/')));
      assert.ok(
        addresses.every((each) => !each.includes('/api/images/') || !each.includes('?')),
        'pictures need no ticket',
      );
      assert.deepEqual(complaints, []);

      await page.goto(`${proxy.url}/gantry/docs`);
      await page.waitForSelector('.swagger-ui .opblock', { timeout: 60_000 });
      assert.match(await page.locator('.servers').innerText(), /\/gantry/u);
    });
  }

  it('asks for a token, and takes one from the address as well', async (t) => {
    const { world, server, base, page } = await serve(t, { token: TOKEN });
    await page.goto(base);
    await page.waitForSelector('[data-dialog="sign-in"]');
    await page.fill('[name="token"]', TOKEN);
    await page.keyboard.press('Enter');
    await isLive(page);
    const frame = aggregate('north');
    world.saw(frame, await plainJpeg(20, 40, 200));
    server.feed.publish(frame);
    await page.waitForSelector(`.picture[data-request="${frame.requestId}"][data-pictured="true"]`);

    const context = await browser.newContext();
    t.after(() => context.close());
    const told = await context.newPage();
    await told.goto(`${base}/#token=${TOKEN}`);
    await told.waitForSelector('#feed-state[data-state="live"]');
    assert.ok(!told.url().includes(TOKEN));
  });

  it('says so when a picture is gone, with a token too', async (t) => {
    const { world, server, base, page } = await serve(t, { token: TOKEN });
    await page.goto(`${base}/#token=${TOKEN}`);
    await isLive(page);
    const frame = world.saw(aggregate('north'), await plainJpeg(32, 64, 192));
    server.feed.publish(frame);
    await page.waitForSelector(`.picture[data-request="${frame.requestId}"][data-pictured="true"]`);
    world.images.clear();
    const gone = aggregate('north', { timestamp: new Date(Date.now() + 100).toISOString() });
    server.feed.publish(gone);
    await page.waitForSelector(`.picture[data-request="${gone.requestId}"]`);
    assert.match(await page.locator('[data-camera="north"] .veil').innerText(), /no longer kept/u);
  });

  it('asks for the token when the one it has is wrong, and goes on with the right one', async (t) => {
    const { base, page } = await serve(t, { token: TOKEN });
    await page.goto(`${base}/#token=another-token-entirely`);
    await page.waitForSelector('[data-dialog="sign-in"]');
    await page.fill('[name="token"]', TOKEN);
    await page.keyboard.press('Enter');
    await isLive(page);
  });

  it('may be framed and used by pages of listed origins only', async (t) => {
    const { page, base: unlisted } = await serve(t, {});
    let base = '';
    // A page of a server of its own: Chromium takes one that a test makes up for a public one, and asks its user first.
    const portal = createServer((_request, reply) =>
      reply.setHeader('content-type', 'text/html').end(`<iframe src="${base}/"></iframe>`),
    );
    t.after(() => portal.close());
    portal.listen(0, '127.0.0.1');
    await once(portal, 'listening');
    const origin = `http://127.0.0.1:${(portal.address() as AddressInfo).port}`;
    const listed = (await serve(t, { embedOrigins: [origin], corsOrigins: [origin] })).base;
    const seenBy = async (gantry: string): Promise<{ shown: boolean; read: boolean; live: boolean }> => {
      base = gantry;
      await page.goto(origin, { waitUntil: 'load' });
      const shown = await page.frames()[1]!.evaluate<boolean>('document.title === "Gantry"');
      const read = await page.evaluate<boolean>(
        `fetch("${base}/api/cameras", { headers: { authorization: "Bearer x" } })` +
          '.then((reply) => reply.ok, () => false)',
      );
      const live = await page.evaluate<boolean>(`new Promise((resolve) => {
        const socket = new WebSocket("${base.replace('http', 'ws')}/ws");
        socket.onopen = () => resolve(true);
        socket.onerror = () => resolve(false);
      })`);
      return { shown, read, live };
    };
    assert.deepEqual(await seenBy(listed), { shown: true, read: true, live: true });
    assert.deepEqual(await seenBy(unlisted), { shown: false, read: false, live: false });
  });
});
