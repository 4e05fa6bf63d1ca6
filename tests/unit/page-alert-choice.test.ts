import assert from 'node:assert/strict';
import { test } from 'node:test';

interface Choice {
  readonly cameraIds: readonly string[];
  readonly from: string;
}
type Params = Readonly<Record<string, string | undefined>>;
// Typed by a project of its own, so by hand here.
const { readAlertChoice, addressOf, apiQuery, chosenFilters } = (await import(
  new URL('../../web/src/views/alerts/alert-choice.ts', import.meta.url).href
)) as {
  readAlertChoice: (params: Params) => Choice;
  addressOf: (choice: Choice) => Record<string, string | null>;
  apiQuery: (choice: Choice) => URLSearchParams;
  chosenFilters: (choice: Choice) => number;
};

const FULL = {
  cameraId: 'a,b',
  kind: 'near-miss,queue',
  level: 'high,medium',
  state: 'open',
  verdict: 'none',
  group: 'east',
  from: '2026-05-01',
  to: '2026-05-02',
  text: 'van & lorry',
};

test('the filters of an address come back as they were', () => {
  const { kind, level, ...others } = addressOf(readAlertChoice(FULL));
  assert.deepEqual(
    others,
    Object.fromEntries(Object.entries(FULL).filter(([name]) => name !== 'kind' && name !== 'level')),
  );
  assert.deepEqual([kind, level], ['near-miss,queue', 'high,medium']);
  assert.equal(chosenFilters(readAlertChoice(FULL)), 9);
});

test('values that no filter has are left out of an address and of a query', () => {
  const choice = readAlertChoice({
    kind: 'dancing',
    level: 'high,huge',
    from: 'yesterday',
    to: '2026-99-99',
    tab: 'list',
  });
  assert.equal(apiQuery(choice).toString(), 'level=high');
  assert.equal(chosenFilters(readAlertChoice({})), 0);
  assert.equal(apiQuery(readAlertChoice({})).toString(), '');
});

test('days become the local midnights around them', () => {
  const query = apiQuery(readAlertChoice({ from: '2026-05-01', to: '2026-05-01' }));
  const [from, to] = [query.get('from') ?? '', query.get('to') ?? ''];
  assert.equal(from, new Date(2026, 4, 1).toISOString());
  assert.equal(Date.parse(to) + 1, new Date(2026, 4, 2).getTime());
});

test('an address names at most 500 cameras and 200 characters', () => {
  const choice = readAlertChoice({
    cameraId: Array.from({ length: 600 }, (_, index) => `c${index}`).join(','),
    text: 'x'.repeat(300),
  });
  assert.equal(choice.cameraIds.length, 500);
  assert.equal(apiQuery(choice).get('text')?.length, 200);
});
