import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** The tool that builds the page; typed by a project of its own, so by hand here. */
const { ensurePage } = (await import(new URL('../../bin/build-page.mjs', import.meta.url).href)) as {
  /** Builds the page unless the build of these sources is there; resolves to its folder. */
  ensurePage: () => Promise<string>;
};

export { ensurePage };

/** Addresses of the built page's files: a script and a style sheet. Builds it where needed. */
export async function pageAssets(): Promise<{ readonly script: string; readonly style: string }> {
  const names = readdirSync(join(await ensurePage(), 'assets'));
  const one = (suffix: string): string => `/assets/${names.find((name) => name.endsWith(suffix)) ?? ''}`;
  return { script: one('.js'), style: one('.css') };
}
