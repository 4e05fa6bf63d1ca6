import { z } from 'zod';

/** Language of descriptions and risk types: Simplified Chinese or English. */
export const Language = z.enum(['zh', 'en']);
export type Language = z.infer<typeof Language>;
