/** Measures in the page: when alerts are on the screen, and how long frames take. */
import type { Page } from 'playwright-core';

/** Px per second. */
const SCROLL_SPEED = 1_200;

/**
 * Notes when each alert of the list was painted: the time of the animation frame after the one that drew it, in ms
 * since the epoch. Installed before the page's own scripts.
 */
const WATCH = `
  globalThis.__alerts = [];
  const seen = new Set();
  const look = () => {
    const fresh = [...document.querySelectorAll('#alerts li')]
      .map((item) => item.dataset.request)
      .filter((id) => !seen.has(id));
    if (fresh.length === 0) return;
    for (const id of fresh) seen.add(id);
    requestAnimationFrame(() => requestAnimationFrame(() => {
      const at = performance.timeOrigin + performance.now();
      for (const id of fresh) globalThis.__alerts.push([id, at]);
    }));
  };
  new MutationObserver(look).observe(document, { childList: true, subtree: true, attributeFilter: ['data-request'] });
`;

export const watchAlerts = (page: Page): Promise<void> => page.addInitScript(WATCH).then(() => undefined);

/** The alerts painted since the last call, as ids with times. */
export const paintedAlerts = (page: Page): Promise<[string, number][]> =>
  page.evaluate<[string, number][]>('globalThis.__alerts.splice(0)');

/** Ms between the frames of `seconds` of scrolling to and fro. */
export const scrollFrames = (page: Page, seconds: number): Promise<number[]> =>
  page.evaluate<number[]>(`new Promise((resolve) => {
    const scroller = document.querySelector('.wall-scroll');
    const began = performance.now();
    const deltas = [];
    let before = began;
    let direction = 1;
    const step = (now) => {
      const delta = now - before;
      before = now;
      if (now - began > 100) deltas.push(delta);
      if (now - began > ${seconds * 1000}) return resolve(deltas);
      const most = scroller.scrollHeight - scroller.clientHeight;
      if (scroller.scrollTop >= most - 1) direction = -1;
      if (scroller.scrollTop <= 0) direction = 1;
      scroller.scrollTop += direction * ${SCROLL_SPEED} * delta / 1000;
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  })`);

/** Ms after the start of the navigation: first content, and the first picture of a camera. */
export async function paintTimes(page: Page): Promise<{ first: number; picture: number }> {
  await page.waitForSelector('.picture[data-pictured="true"]', { timeout: 60_000 });
  return page.evaluate(`({
    first: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN,
    picture: performance.now(),
  })`);
}
