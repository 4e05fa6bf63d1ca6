import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Aggregate } from '../../src/messages/aggregate.ts';
import type * as Choice from '../../web/src/views/wall/wall-choice.ts';
import type * as Order from '../../web/src/views/wall/wall-order.ts';
import type * as Grids from '../../web/src/views/wall/wall-grid.ts';
import type * as Body from '../../web/src/views/wall/camera-body.ts';
import { aggregate, incidentOf } from '../support/http-samples.ts';

// Checked by a project of its own, whose types need the browser's.
const wall = (file: string): Promise<unknown> =>
  import(new URL(`../../web/src/views/wall/${file}`, import.meta.url).href);
const { DEFAULT_CHOICE, readChoice, withLayout, withoutLayout } = (await wall('wall-choice.ts')) as typeof Choice;
const { afterFrame, BUSY_MS, HOLD_MS, isBusy, NO_ACTIVITY, shownCameras } = (await wall(
  'wall-order.ts',
)) as typeof Order;
const { gridFor, placeOf, TILE_CHROME } = (await wall('wall-grid.ts')) as typeof Grids;
const { cameraBody, EMPTY_FIELDS } = (await wall('camera-body.ts')) as typeof Body;

const AT = Date.parse('2026-03-01T10:00:00.000Z');
const frame = (risk: 'none' | 'low' | 'high', ms = 0, more: Partial<Aggregate> = {}): Aggregate => ({
  ...aggregate('north', { risk, timestamp: new Date(AT + ms).toISOString() }),
  ...more,
});

describe('the order of the wall', () => {
  const camera = (cameraId: string, danger = 0, groups: string[] = []): Order.OrderedCamera => ({
    cameraId,
    name: `Gate ${cameraId}`,
    groups,
    activity: { ...NO_ACTIVITY, danger, dangerAt: AT, busyAt: danger > 0 ? AT : -Infinity },
  });
  const cameras = [camera('c10', 0, ['east']), camera('c2', 3, ['west']), camera('c1', 4, ['east', 'west'])];

  it('is that of names, read as people do, or of danger', () => {
    assert.deepEqual(shownCameras(cameras, DEFAULT_CHOICE, '', AT), ['c1', 'c2', 'c10']);
    const worse = [camera('c1'), camera('c2', 4), camera('c3', 3)];
    assert.deepEqual(shownCameras(worse, { ...DEFAULT_CHOICE, order: 'danger' }, '', AT), ['c2', 'c3', 'c1']);
  });

  it('leaves out other groups, cameras that the search does not name, and those that are not busy', () => {
    assert.deepEqual(shownCameras(cameras, { ...DEFAULT_CHOICE, group: 'east' }, '', AT), ['c1', 'c10']);
    assert.deepEqual(shownCameras(cameras, DEFAULT_CHOICE, 'gate C2', AT), ['c2']);
    assert.deepEqual(shownCameras(cameras, { ...DEFAULT_CHOICE, busyOnly: true }, '', AT), ['c1', 'c2']);
  });

  it('is that of a fixed layout, whatever happens, without cameras that are gone', () => {
    const layout = { name: 'Ring', cameraIds: ['c10', 'gone', 'c1'] };
    const choice = withLayout({ ...DEFAULT_CHOICE, order: 'danger' }, layout);
    assert.deepEqual(shownCameras(cameras, choice, '', AT), ['c10', 'c1']);
    assert.equal(withoutLayout(choice, 'Ring').layout, null);
  });

  it('holds danger for a while after the frame that had it, and takes a greater one at once', () => {
    const high = afterFrame(NO_ACTIVITY, frame('high'), AT);
    const calm = afterFrame(high, frame('none', 2_000), AT + 2_000);
    assert.equal(calm.danger, high.danger);
    assert.equal(afterFrame(calm, frame('none', HOLD_MS + 1), AT + HOLD_MS + 1).danger, 0);
    const low = afterFrame(NO_ACTIVITY, frame('low'), AT);
    assert.ok(afterFrame(low, frame('high', 100), AT + 100).danger > low.danger);
  });

  it('takes an open incident for danger, and a closed one for none', () => {
    const incident = incidentOf('north');
    const verdict = { ...incident.verdict, level: 'high' as const };
    const open = frame('none', 0, { incidents: [{ ...incident, verdict, state: 'open' }] });
    const closed = frame('none', 0, { incidents: [{ ...incident, verdict, state: 'closed' }] });
    assert.ok(afterFrame(NO_ACTIVITY, open, AT).danger > 0);
    assert.equal(afterFrame(NO_ACTIVITY, closed, AT).danger, 0);
  });

  it('calls a camera busy for half a minute after a group of road users', () => {
    const busy = afterFrame(NO_ACTIVITY, frame('none'), AT);
    assert.ok(isBusy(busy, AT + BUSY_MS));
    assert.ok(!isBusy(busy, AT + BUSY_MS + 1));
    assert.ok(!isBusy(afterFrame(NO_ACTIVITY, frame('none', 0, { trafficGroups: [] }), AT), AT));
  });
});

describe('the choice of the wall', () => {
  it('reads what was stored, and takes the default for anything else', () => {
    assert.deepEqual(readChoice(null), DEFAULT_CHOICE);
    const stored = { size: '9', order: 'danger', layouts: [{ name: ' Ring ', cameraIds: ['a', 7] }, { name: 'x' }] };
    const read = readChoice({ ...stored, layout: 'Ring', group: 5, busyOnly: 'yes' });
    const layouts = [{ name: 'Ring', cameraIds: ['a'] }];
    assert.deepEqual(read, { ...DEFAULT_CHOICE, size: '9', order: 'danger', layouts, layout: 'Ring' });
    assert.deepEqual(readChoice({ size: '5', layout: 'gone' }), DEFAULT_CHOICE);
  });

  it('keeps at most twenty layouts, the newest ones', () => {
    let choice = DEFAULT_CHOICE;
    for (let index = 0; index < 25; index += 1) {
      choice = withLayout(choice, { name: `L${index}`, cameraIds: ['a'] });
    }
    assert.equal(choice.layouts.length, 20);
    assert.equal(choice.layout, 'L24');
  });
});

describe('the grid of the wall', () => {
  it('fills the area with the tiles that were asked for', () => {
    for (const size of ['1', '4', '9', '16'] as const) {
      const grid = gridFor(size, 1_600, 900, 500);
      const last = placeOf(grid, Number(size) - 1);
      assert.ok(last.x + grid.tileWidth <= 1_600, size);
      assert.ok(last.y + grid.tileHeight <= 900, `${size}: ${last.y + grid.tileHeight}`);
      assert.equal(grid.perPage, Number(size));
      assert.equal(grid.tileHeight, grid.pictureHeight + TILE_CHROME);
    }
  });

  it('shows one column on a phone, and more of larger tiles on a large screen', () => {
    assert.equal(gridFor('fit', 370, 700, 500).columns, 1);
    assert.equal(gridFor('16', 370, 700, 500).columns, 1);
    const [desk, huge] = [gridFor('fit', 1_500, 900, 500), gridFor('fit', 3_800, 2_000, 500)];
    assert.equal(desk.columns, 5);
    assert.ok(huge.columns > desk.columns && huge.tileWidth > desk.tileWidth);
    assert.equal(desk.perPage, null);
  });

  it('gives few cameras large tiles that need no scrolling', () => {
    const alone = gridFor('fit', 900, 640, 1);
    assert.equal(alone.columns, 1);
    assert.ok(alone.tileHeight <= 640 && alone.pictureHeight > 400);
    const four = gridFor('fit', 1_500, 900, 4);
    assert.equal(four.columns, 2);
    assert.ok(2 * four.tileHeight + four.gap <= 900);
  });
});

describe('the form that adds a camera', () => {
  it('sends what was filled in, and a number that is none as text', () => {
    const fields = { ...EMPTY_FIELDS, cameraId: ' north ', url: 'rtsp://192.0.2.1/x' };
    assert.deepEqual(cameraBody(fields), { cameraId: 'north', url: 'rtsp://192.0.2.1/x', intervalSeconds: 1.8 });
    const more = { ...fields, intervalSeconds: 'often', freshnessSeconds: '2', transport: 'udp', groups: ['east'] };
    const body = cameraBody({ ...more, prompt: 'A tunnel.', certificateSha256: 'ab' });
    assert.deepEqual(body, {
      cameraId: 'north',
      url: 'rtsp://192.0.2.1/x',
      intervalSeconds: 'often',
      freshnessSeconds: 2,
      transport: 'udp',
      prompt: 'A tunnel.',
      certificateSha256: 'ab',
      groups: ['east'],
    });
  });
});
