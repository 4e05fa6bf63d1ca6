import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from 'playwright-core';

/** Rules of WCAG 2.2 up to AA. */
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

/** Violations that axe finds in the page as it is now, each with the elements; empty when there are none. */
export async function axeViolations(page: Page): Promise<string[]> {
  // The page has no frames: the legacy mode needs no second page to join their results, which is faster.
  // It would wait 10 s for a video that sends nothing.
  // Its half a million bytes are put into a page once.
  const isThere = await page.evaluate<boolean>("typeof window.axe === 'object'");
  const builder = new AxeBuilder({ page, ...(isThere ? { axeSource: 'void 0' } : {}) })
    .setLegacyMode()
    .options({ preload: { assets: ['cssom'] }, resultTypes: ['violations'] });
  const { violations } = await builder.withTags(RULES).analyze();
  return violations.map(({ id, help, nodes }) => {
    const where = nodes.slice(0, 5).map(({ target, failureSummary }) => `${target.join(' ')}: ${failureSummary ?? ''}`);
    return `${id}: ${help}\n  ${where.join('\n  ')}`;
  });
}
