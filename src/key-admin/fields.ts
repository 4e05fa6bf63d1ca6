export type Fields = Readonly<Record<string, unknown>>;
/** An object that is no list. */
export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
