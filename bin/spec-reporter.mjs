import { Readable } from 'node:stream';
import { spec } from 'node:test/reporters';

/** @typedef {AsyncIterable<import('node:test/reporters').TestEvent>} Events */

/**
 * node's spec reporter without its table of coverage, which has a line for each file.
 * @param {Events} source
 */
export default async function* specWithoutCoverage(source) {
  yield* Readable.from(withoutCoverage(source)).pipe(new spec());
}

/** @param {Events} source */
async function* withoutCoverage(source) {
  for await (const event of source) if (event.type !== 'test:coverage') yield event;
}
