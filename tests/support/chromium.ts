import { existsSync } from 'node:fs';
import { chromium, type Browser, type Page } from 'playwright-core';

const CHROMIUM = process.env['GANTRY_TEST_CHROMIUM'] ?? '/usr/bin/chromium';

/** Why tests in Chromium are skipped; false when it is there. */
export const skipWithoutChromium = existsSync(CHROMIUM)
  ? false
  : `no Chromium at ${CHROMIUM}: apt-get install chromium, or set GANTRY_TEST_CHROMIUM`;

export const launchChromium = (): Promise<Browser> =>
  chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });

/**
 * Errors of a page from now on, its content policy included. Failed requests are left out: the browser reports every
 * 4xx, and tests provoke some.
 */
export function complaintsOf(page: Page): readonly string[] {
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && !/Failed to load resource|WebSocket connection/u.test(message.text()))
      complaints.push(message.text());
  });
  return complaints;
}
