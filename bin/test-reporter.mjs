// A reporter for node:test that keeps what the closing summary of "npm test" tells: one JSON line for each test that was
// skipped or failed, and one with the counts.
export default async function* summary(source) {
  for await (const { type, data } of source) {
    if (type === 'test:pass' && data.skip !== undefined) {
      yield line({
        type: 'skip',
        name: data.name,
        file: data.file,
        reason: typeof data.skip === 'string' ? data.skip : '',
      });
    } else if (type === 'test:fail' && data.details?.type !== 'suite') {
      yield line({
        type: 'fail',
        name: data.name,
        file: data.file,
        reason: data.details?.error?.cause?.message ?? data.details?.error?.message ?? '',
      });
    } else if (type === 'test:summary' && data.file === undefined) {
      yield line({ type: 'counts', ...data.counts });
    }
  }
}

const line = (value) => `${JSON.stringify(value)}\n`;
