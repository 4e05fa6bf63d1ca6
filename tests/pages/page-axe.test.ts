import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import type { HttpServer } from '../../src/http/server.ts';
import type { Aggregate } from '../../src/messages/aggregate.ts';
import { ensurePage } from '../support/built-page.ts';
import { complaintsOf, launchChromium, skipWithoutChromium } from '../support/chromium.ts';
import { ADMIN, fillWorld } from '../support/full-world.ts';
import { FakeWorld, fakeServer } from '../support/http-fakes.ts';
import { axeViolations, axeViolationsIn } from '../support/page-axe.ts';
import { until } from '../support/until.ts';

/** A place on the page, and an element that is there once its data is. */
interface Place {
  readonly path: string;
  readonly ready: string;
  /** Opens something there. */
  readonly open?: (page: Page) => Promise<unknown>;
}

const PLACES: readonly Place[] = [
  { path: '/wall', ready: '[data-camera="north"] .picture[data-pictured="true"]' },
  { path: '/wall', ready: '[data-dialog="add-camera"] input', open: (page) => page.click('#add-camera') },
  { path: '/cameras/north', ready: '.camera-layers' },
  { path: '/cameras/north/scene', ready: '.scene-sheet img' },
  { path: '/alerts', ready: '.alerts .badge' },
  { path: '/alerts', ready: '[data-dialog="keys"]', open: (page) => page.keyboard.press('?') },
  { path: '/alerts?tab=list', ready: '.table-row' },
  { path: '/alerts?tab=shelves', ready: '.table-row' },
  { path: '/alerts/ALERT?tab=list', ready: '.alerts[data-open="true"] img' },
  { path: '/load', ready: '#content canvas' },
  { path: '/budget', ready: '.table-row' },
  { path: '/system/tree', ready: '.tree-line' },
  { path: '/system/flow', ready: '.flow-stage' },
  { path: '/system/nodes', ready: '.table-row' },
  { path: '/system/releases', ready: '.release-comparison' },
  { path: '/system/monitoring', ready: '.notice[data-rule] button' },
  { path: '/system/dead-letters', ready: '.table-row' },
  { path: '/system/settings', ready: '#content td' },
  { path: '/system/users', ready: '.table-row' },
  { path: '/system/audit', ready: '.table-row' },
  { path: '/setup/some-link', ready: 'form.narrow' },
  { path: '/nowhere', ready: '#content > .empty' },
  {
    path: '/wall',
    ready: '[data-dialog="sign-in"] input',
    open: (page) =>
      page
        .context()
        .clearCookies()
        .then(() => page.reload()),
  },
];

/**
 * Every rule of axe holds in each look. A theme changes colours alone, so these are checked in the other theme too:
 * every place has both themes at both sizes, and both languages.
 */
const LOOKS = [
  { theme: 'light', language: 'en', width: 1_280 },
  { theme: 'dark', language: 'zh', width: 390 },
] as const;

describe('every place of the page', { skip: skipWithoutChromium }, () => {
  const world = new FakeWorld();
  let server: HttpServer;
  let browser: Browser;
  let page: Page;
  let complaints: readonly string[] = [];
  let base = '';
  let alert: Aggregate;

  before(async () => {
    await ensurePage();
    alert = await fillWorld(world);
    server = await fakeServer(world);
    base = await server.listen('127.0.0.1', 0);
    browser = await launchChromium();
    const context = await browser.newContext({ locale: 'en' });
    page = await context.newPage();
    complaints = complaintsOf(page);
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  /** Goes there as a link on the page does: without loading it again. */
  async function show({ path, ready, open }: Place): Promise<void> {
    await page.evaluate(`location.hash = '#${path.replace('ALERT', alert.requestId)}'`);
    await open?.(page);
    await page.waitForSelector(ready, { state: 'attached' });
  }

  /** Signs in, and makes the user's choices, which the server keeps. */
  async function begin(theme: string, language: string): Promise<void> {
    const login = await page.request.post(`${base}/api/login`, { data: ADMIN });
    assert.equal(login.status(), 200);
    const { csrf }: { csrf: string } = await login.json();
    const chosen = await page.request.put(`${base}/api/preferences`, {
      headers: { 'x-csrf-token': csrf },
      data: { value: { theme, language } },
    });
    assert.equal(chosen.status(), 200);
    await page.goto('about:blank');
    await page.goto(base);
    await page.waitForSelector(`html[lang="${language === 'en' ? 'en' : 'zh-CN'}"][data-theme="${theme}"]`);
  }

  /** How far the page could be scrolled sideways, in px. */
  const sideways = (): Promise<number> =>
    page.evaluate<number>('document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth');

  it('is in the list of places', () => {
    const routes = readFileSync(new URL('../../web/src/app/routes.ts', import.meta.url), 'utf8');
    const paths = [...routes.matchAll(/path: '([^']+)', component/gu)].map((match) => match[1] ?? '');
    assert.ok(paths.length > 5);
    const patterns = paths.map(
      (path) => new RegExp(`^${path.replaceAll(/\/:\w+\?/gu, '(/[^/]+)?').replaceAll(/:\w+/gu, '[^/]+')}$`, 'u'),
    );
    const missing = patterns.filter((pattern) => !PLACES.some(({ path }) => pattern.test(path.split('?')[0] ?? '')));
    assert.deepEqual(missing, []);
  });

  it('is checked in both themes: a colour that one of them makes unreadable is found', async () => {
    await begin('light', 'en');
    await page.evaluate("location.hash = '#/nowhere'");
    await page.waitForSelector('#content > .empty');
    await page.evaluate(`(() => {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(":root[data-theme='dark'] .empty { color: #333; background: #222; }");
      document.adoptedStyleSheets.push(sheet);
    })()`);
    assert.deepEqual(await axeViolations(page), []);
    assert.match((await axeViolationsIn(page, 'dark')).join(), /^color-contrast:[^]*\.empty/u);
    assert.deepEqual(await axeViolationsIn(page, 'light'), []);
    assert.equal(await page.getAttribute('html', 'data-theme'), 'light');
  });

  for (const { theme, language, width } of LOOKS) {
    it(`has no violation of WCAG 2.2 AA that axe finds, ${theme}, ${language}, ${width} px wide`, async () => {
      await page.setViewportSize({ width, height: 800 });
      await begin(theme, language);
      const found: string[] = [];
      const other = theme === 'light' ? 'dark' : 'light';
      for (const place of PLACES) {
        const name = `${place.path}${place.open === undefined ? '' : ' (dialog)'}`;
        try {
          await show(place);
          found.push(...(await axeViolations(page)).map((violation) => `${name}: ${violation}`));
          found.push(...(await axeViolationsIn(page, other)).map((violation) => `${name}, ${other}: ${violation}`));
          const over = await sideways();
          if (over > 0) found.push(`${name}: ${over} px wider than the window`);
          if (place.open !== undefined) await page.keyboard.press('Escape');
        } catch (thrown) {
          found.push(`${name}: ${String(thrown)}`);
        }
      }
      assert.deepEqual(found, []);
      assert.deepEqual(complaints, [], 'nothing was wrong in the browser, its content policy included');
    });
  }

  it('fits a phone in English too, and uses the width of a 4K screen', async () => {
    await page.setViewportSize({ width: 390, height: 800 });
    await begin('dark', 'en');
    const wide: string[] = [];
    for (const place of PLACES.filter(({ open }) => open === undefined)) {
      await show(place);
      if ((await sideways()) > 0) wide.push(place.path);
    }
    assert.deepEqual(wide, []);
    world.add(...Array.from({ length: 30 }, (_, index) => `cam-${index + 1}`));
    await page.setViewportSize({ width: 3_840, height: 2_160 });
    await begin('dark', 'en');
    await until('tiles over the width, which the list of alerts shares', async () => {
      const tiles = await page.locator('.tile').evaluateAll((all) => all.map((one) => one.getBoundingClientRect()));
      return Math.max(...tiles.map(({ right }) => right)) - Math.min(...tiles.map(({ left }) => left)) > 2_800;
    });
  });
});
