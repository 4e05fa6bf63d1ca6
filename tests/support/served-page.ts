import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import type { HttpServer } from '../../src/http/server.ts';
import type { Aggregate } from '../../src/messages/aggregate.ts';
import { complaintsOf, launchChromium } from './chromium.ts';
import { ensurePage } from './built-page.ts';
import { FakeWorld, fakeServer } from './http-fakes.ts';

export interface ServedPage {
  world: FakeWorld;
  server: HttpServer;
  page: Page;
  /** Address of the server. */
  base: string;
  /** Opens the page and waits for its feed. */
  open: () => Promise<void>;
  /** Publishes a frame with its picture, and returns it. */
  push: (frame: Aggregate, picture: Buffer) => Promise<Aggregate>;
  /** Waits until this frame is shown. */
  shows: (frame: Aggregate) => Promise<void>;
  text: (selector: string) => Promise<string>;
}

/** ISO time in `ms` from now. */
export const later = (ms: number): string => new Date(Date.now() + ms).toISOString();

/** A server with no camera and a page in Chromium: one browser for a `describe`, the rest new for each test. */
export function servedPage(): ServedPage {
  let browser: Browser;
  let complaints: readonly string[] = [];
  const at = {
    base: '',
    open: async () => {
      await at.page.goto(at.base);
      await at.page.waitForSelector('#feed-state[data-state="live"]');
    },
    push: async (frame, picture) => {
      at.server.feed.publish(at.world.saw(frame, picture));
      return frame;
    },
    shows: async (frame) => {
      await at.page.waitForSelector(`[data-camera="${frame.cameraId}"] .picture[data-request="${frame.requestId}"]`);
    },
    text: (selector) => at.page.locator(selector).innerText(),
  } as ServedPage;

  before(async () => {
    await ensurePage();
    browser = await launchChromium();
  });
  after(() => browser.close());
  beforeEach(async () => {
    at.world = new FakeWorld();
    at.server = await fakeServer(at.world);
    at.base = await at.server.listen('127.0.0.1', 0);
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    at.page = await context.newPage();
    complaints = complaintsOf(at.page);
  });
  afterEach(async () => {
    await at.page.context().close();
    await at.server.close();
    assert.deepEqual(complaints, [], 'nothing was wrong in the browser, its content policy included');
  });
  return at;
}
