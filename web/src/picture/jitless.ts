/**
 * Tells zod not to compile its checks: the page's content policy forbids code made from text. Imported before the
 * first schema is made.
 */
import { config } from 'zod';

// Not where tests import this module: the setting is of the whole process.
if ('document' in globalThis) config({ jitless: true });

/** For the calls of zod. */
export const JITLESS = { jitless: true } as const;
