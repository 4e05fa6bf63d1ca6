import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from 'playwright-core';

type Violations = Awaited<ReturnType<AxeBuilder['analyze']>>['violations'];

/** Rules of WCAG 2.2 up to AA. */
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

/** Those of them that depend on colours, and so on the theme. */
const COLOUR_RULES = ['color-contrast', 'link-in-text-block'];

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
  return wordsOf(violations);
}

/**
 * The same in another theme, after {@link axeViolations} in the page's own, to which the page returns. Only the rules
 * about colours run, by the axe that is in the page already: a theme changes nothing else.
 */
export async function axeViolationsIn(page: Page, theme: 'light' | 'dark'): Promise<string[]> {
  const options = { runOnly: COLOUR_RULES, resultTypes: ['violations'], preload: false };
  const { violations } = await page.evaluate<{ violations: Violations }>(`(async () => {
    const { dataset } = document.documentElement;
    const own = dataset.theme;
    dataset.theme = '${theme}';
    // Colours on their way are neither those of one theme nor of the other.
    for (const each of document.getAnimations()) if (each instanceof CSSTransition) each.finish();
    const { violations } = await axe.run(document, ${JSON.stringify(options)});
    dataset.theme = own;
    for (const each of document.getAnimations()) if (each instanceof CSSTransition) each.finish();
    return { violations };
  })()`);
  return wordsOf(violations);
}

const wordsOf = (violations: Violations): string[] =>
  violations.map(({ id, help, nodes }) => {
    const where = nodes.slice(0, 5).map(({ target, failureSummary }) => `${target.join(' ')}: ${failureSummary ?? ''}`);
    return `${id}: ${help}\n  ${where.join('\n  ')}`;
  });
