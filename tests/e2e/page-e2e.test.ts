import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Browser, Locator, Page } from 'playwright-core';
import { startNatsServer } from '../../src/embedded/nats-server.ts';
import { startRedisServer } from '../../src/embedded/redis-server.ts';
import type { EmbeddedService } from '../../src/embedded/service.ts';
import { freePort } from '../../src/embedded/tcp.ts';
import { ensureRedisServer } from '../../src/provision/redis-packages.ts';
import { ensurePage } from '../support/built-page.ts';
import { complaintsOf, launchChromium, skipWithoutChromium } from '../support/chromium.ts';
import { memoryLog } from '../support/log.ts';
import { OwnProcess } from '../support/own-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts');
const ADMIN = { user: 'root', password: 'a long password of the admin' };
const VIEWER = { user: 'anna', password: 'a long password of the viewer' };
/** The demo footage, the detector and Chromium share two cores with other tests. */
const SLOW_MS = 60_000;

const skip =
  skipWithoutChromium || ((await ensureRedisServer()).binary === null ? 'there is no real redis-server here' : false);

/**
 * One Gantry with the demo camera and a second replica of its web role, on one NATS and one Redis, used by people in
 * Chromium. Each test goes on where the one before it ended.
 */
describe('the page of a whole Gantry', { skip }, () => {
  let folder: string;
  let servers: EmbeddedService[] = [];
  let whole: OwnProcess;
  let replica: OwnProcess;
  let port = 0;
  let base = '';
  let otherBase = '';
  let browser: Browser;
  /** Of the admin. */
  let page: Page;
  let complaints: readonly string[] = [];

  before(async () => {
    folder = temporaryFolder();
    await ensurePage();
    servers = await Promise.all([
      startNatsServer({ dataDir: join(folder, 'nats'), log: memoryLog() }),
      startRedisServer({ dataDir: join(folder, 'redis'), log: memoryLog() }),
    ]);
    port = await freePort('127.0.0.1');
    whole = await node('whole', ['--port', String(port)]);
    browser = await launchChromium();
    base = await urlOf(whole);
    replica = await node('replica', ['--roles', 'web', '--port', '0']);
  });
  after(async () => {
    await browser?.close();
    await Promise.all([whole?.stop(), replica?.stop()]);
    await Promise.all(servers.map((each) => each.stop()));
  });

  async function node(name: string, args: readonly string[]): Promise<OwnProcess> {
    await mkdir(join(folder, name));
    const own = ['--data-dir', join(folder, name), '--keys', join(folder, 'none.yaml')];
    const env = { NATS_URL: servers[0]!.url, REDIS_URL: servers[1]!.url };
    const logFile = join(folder, `${name}.log`);
    const one = new OwnProcess({ name, command: { script: MAIN }, args: [...args, ...own], env, logFile });
    one.start();
    return one;
  }

  /** Its log is shown when it does not start. */
  async function urlOf(one: OwnProcess): Promise<string> {
    const found = () => /"url":"(http:[^"]+)"[^\n]*Gantry is up/u.exec(one.log())?.[1];
    await until(`${one.name} is up`, () => found() ?? !one.running, SLOW_MS);
    return found() ?? assert.fail(`${one.name} did not start: ${one.log()}`);
  }

  /** Of somebody else: nothing is kept from another page. */
  async function newPage(): Promise<Page> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en' });
    return context.newPage();
  }

  const isLive = (on: Page) => on.waitForSelector('#feed-state[data-state="live"]', { timeout: SLOW_MS });

  async function signIn(on: Page, { user, password }: typeof ADMIN): Promise<void> {
    const dialog = on.locator('[data-dialog="sign-in"]');
    await dialog.locator('[name="user"]').fill(user);
    await dialog.locator('[name="password"]').fill(password);
    await on.keyboard.press('Enter');
  }

  /** The id of the frame that the tile of the demo camera shows with its picture. */
  const demoFrame = (on: Page): Promise<string | null> =>
    on.evaluate<string | null>(
      `document.querySelector('[data-camera="demo"] .picture[data-pictured="true"]')?.dataset.request ?? null`,
    );
  const newDemoFrame = async (on: Page, than: string | null): Promise<string> =>
    until(
      'a new picture of the demo street',
      async () => {
        const shown = await demoFrame(on);
        return shown === than ? null : shown;
      },
      SLOW_MS,
    );

  /** A request in the name of whoever uses this page, to the Gantry that it came from. */
  async function api(on: Page, method: string, path: string, data?: object) {
    const { origin } = new URL(on.url());
    const { csrf }: { csrf: string | null } = await (await on.request.get(`${origin}/api/session`)).json();
    const headers = csrf === null ? {} : { 'x-csrf-token': csrf };
    const reply = await on.request.fetch(`${origin}${path}`, {
      method,
      headers,
      ...(data === undefined ? {} : { data }),
    });
    const isJson = reply.headers()['content-type']?.includes('json') === true;
    return { status: reply.status(), json: isJson ? await reply.json() : null };
  }

  async function redeem(on: Page, link: string, user: string, password: string): Promise<void> {
    await on.goto(link);
    await on.fill('[name="user"]', user);
    await on.fill('[name="password"]', password);
    await on.fill('[name="repeat"]', password);
    await on.keyboard.press('Enter');
  }

  /** Presses Tab until the element has the focus. */
  async function tabTo(on: Page, element: Locator): Promise<void> {
    for (let presses = 0; presses < 80; presses++) {
      await on.keyboard.press('Tab');
      if (await element.evaluate((one) => one.matches(':focus'))) return;
    }
    assert.fail('80 presses of Tab do not reach it');
  }

  /** The newest alert of the demo camera, as the wall shows it. */
  const alertOf = async (on: Page): Promise<string> => {
    await on.goto(`${base}/#/wall`);
    const item = on.locator('#alerts li').first();
    await item.waitFor({ timeout: SLOW_MS });
    return (await item.getAttribute('data-request')) ?? '';
  };

  /** An alert whose clip can be fetched: it is cut seconds after the alert, or never, when the camera had just come. */
  const alertWithClip = (on: Page): Promise<string> =>
    until(
      'the clip of an alert',
      async () => {
        const { alerts }: { alerts: { alertId: string }[] } = (await api(on, 'GET', '/api/alerts')).json;
        for (const { alertId } of alerts)
          if ((await api(on, 'GET', `/api/alerts/${alertId}`)).json.clip?.state === 'stored') return alertId;
        return null;
      },
      SLOW_MS,
      250,
    );

  it('makes the administrator by the link that the first start prints, once', async () => {
    const link = await until('the link', () => /once: (http:\S+#\/setup\/[\w-]+)/u.exec(whole.log())?.[1], SLOW_MS);
    page = await newPage();
    complaints = complaintsOf(page);
    await redeem(page, link, ADMIN.user, ADMIN.password);
    await page.waitForURL(/#\/wall$/u);
    await isLive(page);
    await newDemoFrame(page, null);
    assert.ok(await page.getByRole('button', { name: /settings: root, admin/u }).isVisible());

    const second = await newPage();
    await redeem(second, link, 'mallory', ADMIN.password);
    await second.getByRole('alert').filter({ hasText: /link/u }).waitFor();
    await second.context().close();
  });

  it('signs out and in again', async () => {
    await page.getByRole('button', { name: /User and settings/u }).click();
    await page.getByRole('menuitem', { name: 'Sign out', exact: true }).click();
    await page.waitForSelector('[data-dialog="sign-in"]');
    assert.equal((await api(page, 'GET', '/api/cameras')).status, 401);
    await signIn(page, ADMIN);
    await page.waitForSelector('[data-dialog="sign-in"]', { state: 'detached' });
    await isLive(page);
    await newDemoFrame(page, null);
  });

  it('brings an alert to the wall, and from the address bar to its acknowledgement by keys alone', async () => {
    await page.goto('about:blank');
    const alertId = await alertOf(page);
    const link = page.locator(`#alerts li[data-request="${alertId}"] a.wall-alert-name`);
    await tabTo(page, link);
    await page.keyboard.press('Enter');
    await page.waitForURL((url) => url.hash.startsWith(`#/alerts/${alertId}`));
    await page.getByText('Nobody has acknowledged it.').waitFor();
    await page.keyboard.press('a');
    await page.getByText(/Acknowledged by root/u).waitFor();
    const { json } = await api(page, 'GET', `/api/alerts/${alertId}`);
    assert.equal(json.handling.acknowledged.by, ADMIN.user);
  });

  it('shows a viewer of one group, on another replica, nothing of another group', async () => {
    assert.equal((await api(page, 'PATCH', '/api/cameras/demo', { groups: ['east'] })).status, 200);
    const west = { cameraId: 'west', url: 'rtsp://127.0.0.1:9/away', groups: ['west'] };
    assert.equal((await api(page, 'POST', '/api/cameras', west)).status, 201);
    const invited = await api(page, 'POST', '/api/users', { name: VIEWER.user, role: 'viewer', groups: ['west'] });
    assert.equal(invited.status, 201);
    otherBase = await urlOf(replica);
    const theirs = await newPage();
    let received = '';
    theirs.on('websocket', (socket) => socket.on('framereceived', ({ payload }) => (received += payload.toString())));
    await redeem(theirs, `${otherBase}/#/setup/${invited.json.link}`, '', VIEWER.password);
    await isLive(theirs);
    await theirs.waitForSelector('[data-camera="west"]');
    await page.goto(`${base}/#/wall`);
    const alertId = await alertWithClip(page);
    const { imageId } = (await api(page, 'GET', `/api/alerts/${alertId}`)).json.alert;
    const hidden = [
      '/api/cameras/demo/latest',
      `/api/images/${imageId}`,
      `/api/alerts/${alertId}`,
      `/api/alerts/${alertId}/clip.mp4`,
    ];
    for (const path of hidden) {
      assert.equal((await api(theirs, 'GET', path)).status, 404, path);
      assert.notEqual((await api(page, 'GET', path)).status, 404, `${path}, for the admin`);
    }
    assert.deepEqual((await api(theirs, 'GET', '/api/alerts')).json.alerts, []);
    assert.equal((await api(theirs, 'POST', `/api/alerts/${alertId}/acknowledge`)).status, 403);
    // Whatever reaches the admin by now would have reached them too.
    await newDemoFrame(page, await demoFrame(page));
    assert.ok((await page.locator('#alerts li').count()) > 0);
    assert.equal(await theirs.locator('[data-camera="demo"], #alerts li').count(), 0);
    assert.match(received, /west/u);
    assert.doesNotMatch(received, /demo/u);
    await theirs.goto(`${otherBase}/#/cameras/demo`);
    await theirs.getByText('There is no camera demo, or you may not see it.').waitFor();
    await theirs.context().close();
  });

  it('says that the server is away when it was killed, and comes back by itself with what is new', async () => {
    const shown = await newDemoFrame(page, null);
    whole.signal('SIGKILL');
    await whole.exited;
    await page.waitForSelector('#feed-state[data-state="lost"]');
    await page.locator('#notices').getByText('The live feed is disconnected').waitFor();
    await page.locator('#notices').getByText('Gantry does not answer').waitFor();
    whole.start();
    await isLive(page);
    await newDemoFrame(page, shown);
    const noticesAreGone = async () => !/disconnected|not answer/u.test(await page.innerText('#notices'));
    await until('the notices to go', noticesAreGone, SLOW_MS);
    assert.ok(await page.getByRole('button', { name: /settings: root, admin/u }).isVisible(), 'still signed in');
  });

  it('counts wrong passwords over both replicas, and says how long to wait after ten', async () => {
    const theirs = await newPage();
    const wrong = { ...VIEWER, password: 'not the password of anna' };
    const refusal = theirs.locator('[data-dialog="sign-in"] [role="alert"]');
    await theirs.goto(otherBase);
    await theirs.waitForSelector('[data-dialog="sign-in"]');
    // At once: tries count for a minute, which the page takes part of.
    const tries = Array.from({ length: 8 }, (_, index) =>
      theirs.request.post(`${index % 2 === 0 ? base : otherBase}/api/login`, { data: wrong }),
    );
    for (const reply of await Promise.all(tries)) assert.equal(reply.status(), 401);
    await signIn(theirs, wrong);
    await until('the ninth is answered', async () => /password/u.test(await refusal.innerText()));
    await theirs.goto(base);
    await signIn(theirs, wrong);
    await until('the tenth is answered', async () => /password/u.test(await refusal.innerText()));
    await signIn(theirs, VIEWER);
    await until('the right one has to wait', async () =>
      /too many tries[^]*again in [1-9]\d? s/u.test(await refusal.innerText()),
    );
    const elsewhere = await theirs.request.post(`${otherBase}/api/login`, { data: VIEWER });
    assert.equal(elsewhere.status(), 429);
    assert.match(elsewhere.headers()['retry-after'] ?? '', /^[1-9]\d?$/u);
    await theirs.context().close();
    assert.deepEqual(complaints, [], 'nothing was wrong in the browser, its content policy included');
  });
});
