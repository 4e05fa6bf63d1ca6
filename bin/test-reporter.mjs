/** @typedef {import('node:test/reporters').TestEvent} TestEvent */
/** @typedef {{ readonly name: string, readonly file: string | undefined, readonly reason: string }} Outcome */
/** @typedef {{ readonly type: 'skip' | 'fail' } & Outcome} TestLine */
/** @typedef {{ passed: number, failed: number, cancelled: number, skipped: number }} Counts */
/** @typedef {{ readonly type: 'counts' } & Counts} CountsLine */

/**
 * A reporter for node:test that writes what bin/test.mjs needs for its summary: one line of JSON for each skipped or
 * failed test, and one with the counts.
 * @param {AsyncIterable<TestEvent>} source
 */
export default async function* summary(source) {
  for await (const event of source) {
    const line = lineOf(event);
    if (line !== null) yield `${JSON.stringify(line)}\n`;
  }
}

/**
 * @param {TestEvent} event
 * @returns {TestLine | CountsLine | null}
 */
function lineOf({ type, data }) {
  if (type === 'test:pass' && data.skip !== undefined) {
    const reason = typeof data.skip === 'string' ? data.skip : '';
    return { type: 'skip', name: data.name, file: data.file, reason };
  }
  if (type === 'test:fail' && data.details.type !== 'suite') {
    const { error } = data.details;
    return { type: 'fail', name: data.name, file: data.file, reason: error.cause?.message ?? error.message ?? '' };
  }
  if (type === 'test:summary' && data.file === undefined) {
    // The library's types lack `failed`.
    const counts = /** @type {Counts} */ (/** @type {unknown} */ (data.counts));
    return { type: 'counts', ...counts };
  }
  return null;
}
