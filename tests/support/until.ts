import assert from 'node:assert/strict';

/**
 * Polls until `probe` gives something other than undefined, null or false; fails the test after `ms`. That bounds
 * a hang, far beyond the time that even a busy machine needs, and says nothing about speed.
 */
export async function until<T>(
  what: string,
  probe: () => T | Promise<T>,
  ms = 30_000,
  everyMs = 20,
): Promise<NonNullable<T>> {
  const deadline = Date.now() + ms;
  let last: unknown;
  for (;;) {
    const value = await probe();
    last = value;
    if (value !== undefined && value !== null && value !== false) return value;
    if (Date.now() > deadline) break;
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  assert.fail(`not within ${ms} ms: ${what} (last seen: ${JSON.stringify(last)})`);
}
