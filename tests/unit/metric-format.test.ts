import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type MetricFormat, metricFormat } from '../../src/infra/metric-format.ts';

const CASES: readonly (readonly [accept: string | undefined, MetricFormat])[] = [
  [undefined, 'prometheus'],
  ['', 'prometheus'],
  ['*/*', 'prometheus'],
  ['text/plain', 'prometheus'],
  ['application/json', 'prometheus'],
  // Prometheus 2 and 3.
  [
    'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,' +
      'text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
    'openmetrics',
  ],
  [
    'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,' +
      'application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,' +
      'text/plain;version=0.0.4;q=0.2,*/*;q=0.1',
    'openmetrics',
  ],
  ['application/openmetrics-text; version="1.0.0"; charset=utf-8', 'openmetrics'],
  ['Application/OpenMetrics-Text', 'openmetrics'],
  ['application/openmetrics-text, */*', 'openmetrics'],
  // Text is wanted more.
  ['application/openmetrics-text;version=1.0.0;q=0.2, text/plain', 'prometheus'],
  ['application/openmetrics-text;q=0.2, text/plain;q=0.1, */*', 'openmetrics'],
  ['application/openmetrics-text;q=0.2, */*;q=0.3', 'prometheus'],
  // Not acceptable.
  ['application/openmetrics-text;version=0.0.1', 'prometheus'],
  ['application/openmetrics-text;q=0', 'prometheus'],
  ['application/openmetrics-text;q=0.000, text/plain;q=0', 'prometheus'],
  // Nonsense.
  ['application/openmetrics-text;q=high', 'prometheus'],
  ['application/openmetrics-text;q=1e9', 'prometheus'],
  [',;=,;;q=,', 'prometheus'],
];

test('the format of a scrape follows the header Accept', () => {
  for (const [accept, format] of CASES) assert.equal(metricFormat(accept), format, accept);
});

test('a long header is read in part', () => {
  assert.equal(metricFormat(`${'a/b,'.repeat(60)}application/openmetrics-text`), 'prometheus');
});
