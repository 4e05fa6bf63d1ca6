/**
 * A reporter for node:test that writes the coverage by file as one line of JSON, for bin/coverage.mjs.
 * @param {AsyncIterable<import('node:test/reporters').TestEvent>} source
 */
export default async function* coverage(source) {
  for await (const { type, data } of source)
    if (type === 'test:coverage') yield `${JSON.stringify(data.summary.files)}\n`;
}
