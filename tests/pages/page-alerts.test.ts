import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import type { Aggregate } from '../../src/messages/aggregate.ts';
import { alarmOf } from '../support/alarm-of.ts';
import { skipWithoutChromium } from '../support/chromium.ts';
import { aggregate, incidentOf } from '../support/http-samples.ts';
import { plainJpeg } from '../support/jpeg.ts';
import { axeViolations } from '../support/page-axe.ts';
import { servedPage } from '../support/served-page.ts';
import { until } from '../support/until.ts';

const blue = await plainJpeg(20, 40, 200);
const PASSWORD = 'a good password';

describe('alarms and alerts', { skip: skipWithoutChromium }, () => {
  const at = servedPage();
  const { text } = at;
  let made = 0;

  /** A kept alert about a near miss, `minutes` old. */
  const keep = (cameraId: string, description: string, minutes: number): Aggregate => {
    made += 1;
    const frame = aggregate(cameraId, {
      risk: 'high',
      timestamp: new Date(Date.now() - minutes * 60_000).toISOString(),
    });
    const incident = incidentOf(frame.requestId, `${cameraId}-i-${made}`);
    const alert = {
      ...frame,
      incidents: [{ ...incident, verdict: { ...incident.verdict, description }, trajectories }],
    };
    at.world.images.set(alert.imageId ?? '', blue);
    at.world.imageCameras.set(alert.imageId ?? '', cameraId);
    return at.world.keepAlert(alert);
  };
  const trajectories = [7, 9].map((trackId, index) => ({
    trackId,
    points: Array.from({ length: 5 }, (_, s): [number, number, number, number, number] =>
      index === 0 ? [s, s * 4 - 8, 20, 300, 200] : [s, 1, 12 + s * 4, 300, 200],
    ),
  }));
  const open = async (address: string): Promise<void> => {
    at.world.desk.subscribe({
      onHandling: (handling) => at.server.feed.publishHandling(handling),
      onShelves: (shelves) => at.server.feed.publishShelves(shelves),
    });
    await at.page.goto(`${at.base}/#${address}`);
    await at.page.waitForSelector('#feed-state[data-state="live"]');
  };
  const rows = (): Promise<(string | null)[]> =>
    at.page.locator('.table-row').evaluateAll((all) => all.map((row) => row.getAttribute('data-row')));
  const shows = (wanted: readonly Aggregate[]) =>
    until(
      'the rows',
      async () => JSON.stringify(await rows()) === JSON.stringify(wanted.map((each) => each.requestId)),
    );
  const shown = (alert: Aggregate) => at.page.waitForSelector(`[data-alert="${alert.requestId}"]`);
  const handlingOf = ({ requestId: alertId, cameraId }: Aggregate) => at.world.desk.handling({ alertId, cameraId });

  it('finds an alert, shows what proves it, and takes the verdict, by mouse', async () => {
    at.world.add('north', 'south');
    const older = keep('north', 'A van nearly hits a cyclist.', 30);
    const newer = keep('south', 'Two lorries almost touch.', 20);
    await at.world.clips.putNone(older.requestId, 'the camera was away');
    await open('/alerts?tab=list');
    await shows([newer, older]);
    await at.page.fill('.alert-search', 'cyclist');
    await shows([older]);
    assert.match(at.page.url(), /text=cyclist/u);
    await at.page.click(`[data-row="${older.requestId}"]`);
    await shown(older);
    await at.page.waitForSelector('.alert-picture[data-state="shown"]');
    assert.match(await text('.alert-panel'), /No clip: the camera was away/u);
    assert.equal(await text('[data-number="ttc"]'), '0.9 s');
    assert.match(await text('.plan'), /Grid: 2 m[^]*Nearest: 0\.7 m, 2\.1 s after the onset/u);
    assert.equal(await at.page.locator('.plan-way polyline').count(), 2);
    assert.match(await text('.answer'), /sim-vl[^]*89f7e595611d/u);
    await at.page.click('[name="acknowledge"]');
    await at.page.click('[name="verdict-false"]');
    await until('the verdict', async () => handlingOf(older).verdict?.value === 'false');
    await at.page.fill('[name="comment"]', 'A shadow.');
    await at.page.getByRole('button', { name: 'Save the comment' }).click();
    await until('the comment', async () => handlingOf(older).comment?.text === 'A shadow.');
    assert.notEqual(handlingOf(older).acknowledged, null);
    assert.equal(handlingOf(older).verdict?.value, 'false');
    await until('the row', async () => /acknowledged[^]*false/u.test(await text('.table-row')));
    // The address opens the same elsewhere.
    await at.page.reload();
    await shown(older);
    await shows([older]);
    assert.equal(await at.page.inputValue('[name="comment"]'), 'A shadow.');
  });

  it('works through alerts by keyboard alone, and lets single keys be turned off', async () => {
    at.world.add('north');
    const [older, newer] = [keep('north', 'first', 30), keep('north', 'second', 20)];
    await open('/alerts?tab=list');
    await shows([newer, older]);
    const { keyboard } = at.page;
    await keyboard.press('j');
    await shown(newer);
    await at.page.waitForSelector('[name="acknowledge"]');
    await keyboard.press('a');
    await until('the acknowledgement', async () => handlingOf(newer).acknowledged !== null);
    await keyboard.press('j');
    await shown(older);
    await at.page.waitForSelector('[name="acknowledge"]');
    await keyboard.press('1');
    await until('the verdict', async () => handlingOf(older).verdict?.value === 'true');
    await keyboard.press('k');
    await shown(newer);
    await keyboard.press('Escape');
    await at.page.waitForSelector('.alert-panel', { state: 'detached' });
    // The focus is back in the list: arrows and Enter go on from there.
    await until('the focus', async () =>
      at.page.evaluate<boolean>(`document.activeElement.getAttribute('data-row') === '${newer.requestId}'`),
    );
    await keyboard.press('ArrowDown');
    await keyboard.press('Enter');
    await shown(older);
    await keyboard.press('?');
    await at.page.waitForSelector('[data-dialog="keys"]');
    await at.page.locator('[data-name="single-keys"]').focus();
    await keyboard.press('Space');
    await keyboard.press('Escape');
    await at.page.waitForSelector('[data-dialog="keys"]', { state: 'detached' });
    await keyboard.press('2');
    await keyboard.press('k');
    await keyboard.press('Escape');
    await at.page.waitForSelector('.alert-panel', { state: 'detached' });
    assert.equal(handlingOf(older).verdict?.value, 'true');
  });

  it('keeps the list in place while alerts come in, and shows them when asked', async () => {
    at.world.add('north');
    const older = keep('north', 'first', 30);
    await open('/alerts?tab=list&level=high');
    await shows([older]);
    const newer = keep('north', 'second', 0);
    at.server.feed.publish(newer);
    await at.page.getByRole('button', { name: 'Show 1 new alert' }).waitFor();
    assert.deepEqual(await rows(), [older.requestId]);
    await at.page.keyboard.press('n');
    await shows([newer, older]);
  });

  it('calls the operator by sound and notification, shows the alarm, and acknowledges all of it', async () => {
    await at.page.addInitScript(`
      localStorage.setItem('gantry-preferences', JSON.stringify({ sound: true, notifications: true }));
      window.calls = [];
      window.Notification = class extends EventTarget {
        static permission = 'granted';
        static requestPermission = async () => 'granted';
        constructor(title, { body }) { super(); window.calls.push(title + ': ' + body); }
        close() {}
      };
      const start = OscillatorNode.prototype.start;
      OscillatorNode.prototype.start = function (...when) { window.calls.push('tone'); start.apply(this, when); };
    `);
    at.world.add('north');
    const alert = keep('north', 'first', 1);
    await open('/alerts');
    await at.page.waitForSelector('.empty');
    at.world.alarms.alarms = [alarmOf(alert)];
    at.world.alarms.tell(alarmOf(alert), false);
    await at.page.waitForSelector(`[data-alarm="i-${alert.requestId}"]`);
    assert.deepEqual(await at.page.evaluate('window.calls'), []);
    at.world.alarms.tell(alarmOf(alert), true);
    await until('the calls', async () => (await at.page.evaluate<string[]>('window.calls')).length === 3);
    assert.deepEqual(await at.page.evaluate('window.calls'), ['tone', 'tone', 'Alarm: Near miss, north']);
    assert.equal(await at.page.getByRole('link', { name: 'Open alarms: 1' }).count(), 1);
    await at.page.getByRole('button', { name: 'Show the incidents: 1 incident' }).click();
    await at.page.locator('.members a').click();
    await shown(alert);
    await at.page.getByRole('button', { name: 'Acknowledge all' }).click();
    await until('the acknowledgement', async () => at.world.alarms.acknowledged.length === 1);
    await at.page.getByText('No open alarm.').waitFor();
  });

  it('shelves a kind at a camera until a time, shows the shelf, and ends it', async () => {
    at.world.add('north');
    const alert = keep('north', 'first', 1);
    await open(`/alerts/${alert.requestId}?tab=shelves`);
    await at.page.getByText('Nothing is shelved.').waitFor();
    await at.page.click('[name="shelve-this"]');
    await at.page.waitForSelector('[data-dialog="shelve"]');
    await at.page.fill('[data-dialog="shelve"] [name="reason"]', 'Roadworks');
    await at.page.keyboard.press('Enter');
    await at.page.waitForSelector('[data-dialog="shelve"]', { state: 'detached' });
    const [shelf] = at.world.desk.shelves();
    assert.deepEqual([shelf?.cameraId, shelf?.kind, shelf?.reason], ['north', 'near-miss', 'Roadworks']);
    await until('the shelf', async () => /north[^]*Near miss/u.test(await text('.alerts-main .table')));
    await at.page.getByRole('button', { name: 'End the shelf of north, Near miss' }).click();
    await at.page.getByText('Nothing is shelved.').waitFor();
    assert.deepEqual(at.world.desk.shelves(), []);
  });

  it('saves the list as CSV and the evidence as an archive', async () => {
    at.world.add('north', 'south');
    const alert = keep('north', 'first', 30);
    keep('south', 'second', 20);
    await open(`/alerts/${alert.requestId}?tab=list&cameraId=north`);
    await shows([alert]);
    const saved = async (button: string): Promise<{ readonly name: string; readonly content: Buffer }> => {
      const [download] = await Promise.all([at.page.waitForEvent('download'), at.page.click(`[name="${button}"]`)]);
      return { name: download.suggestedFilename(), content: await readFile(await download.path()) };
    };
    const csv = await saved('export');
    assert.equal(csv.name, 'alerts.csv');
    assert.ok(csv.content.includes(alert.requestId) && !csv.content.includes('second'));
    const zip = await saved('evidence');
    assert.equal(zip.name, `alert-${alert.requestId}.zip`);
    assert.ok(zip.content.includes('SHA256SUMS'));
  });

  it('lets a viewer look, and says why no work is taken from one', async () => {
    at.world.add('north');
    const { users, hasher } = at.world.accounts;
    const passwordHash = await hasher.hash(PASSWORD);
    await users.add({ name: 'root', role: 'admin', groups: null, passwordHash, identity: null });
    await users.add({ name: 'anna', role: 'viewer', groups: null, passwordHash, identity: null });
    const alert = keep('north', 'first', 30);
    await at.page.goto(`${at.base}/#/alerts/${alert.requestId}?tab=list`);
    await at.page.waitForSelector('[data-dialog="sign-in"]');
    await at.page.fill('[name="user"]', 'anna');
    await at.page.fill('[name="password"]', PASSWORD);
    await at.page.keyboard.press('Enter');
    await shown(alert);
    await shows([alert]);
    await at.page.waitForSelector('[name="acknowledge"]');
    for (const name of ['acknowledge', 'verdict-true', 'evidence', 'export', 'shelve', 'shelve-this'])
      assert.equal(await at.page.isDisabled(`[name="${name}"]`), true, name);
    assert.match(await text('.handling'), /Only operators may do this/u);
    await at.page.keyboard.press('a');
    assert.equal(handlingOf(alert).acknowledged, null);
  });

  it('changes its language, and has no violation of WCAG in a dialog or alone on a small screen', async () => {
    at.world.add('north');
    const alert = keep('north', 'A van nearly hits a cyclist.', 30);
    at.world.alarms.alarms = [
      alarmOf(alert),
      alarmOf(alert, { alarmId: 's-north', reason: 'source', level: 'medium' }),
    ];
    await at.page.emulateMedia({ colorScheme: 'light' });
    await open(`/alerts/${alert.requestId}`);
    await at.page.waitForSelector('.alarm');
    await at.page.waitForSelector('.plan-drawing');
    await at.page.getByRole('tab', { name: 'Alerts' }).click();
    await shows([alert]);
    await at.page.getByRole('button', { name: /^Filters/u }).click();
    await at.page.emulateMedia({ colorScheme: 'dark' });
    await at.page.getByRole('button', { name: /User and settings/u }).click();
    await at.page.getByRole('menuitemradio', { name: '中文' }).click();
    await at.page.keyboard.press('Escape');
    await until('the words to change', async () => (await text('.handling')).includes('确认'));
    await at.page.click('[name="shelve"]');
    await at.page.waitForSelector('[data-dialog="shelve"]');
    assert.deepEqual(await axeViolations(at.page), []);
    await at.page.keyboard.press('Escape');
    await at.page.setViewportSize({ width: 390, height: 800 });
    await until('the panel alone', async () => !(await at.page.isVisible('.alerts-main')));
    assert.deepEqual(await axeViolations(at.page), []);
    const wide = await at.page.evaluate<boolean>('document.documentElement.scrollWidth > innerWidth');
    assert.equal(wide, false);
  });
});

describe('the alarm load', { skip: skipWithoutChromium }, () => {
  const at = servedPage();

  it('says which bars hold, where the alarms come from, and shelves a source by keyboard', async () => {
    at.world.add('north');
    const to = Date.now();
    const iso = (ms: number): string => new Date(ms).toISOString();
    at.world.alarms.load = (_scope, hours) => ({
      from: iso(to - hours * 3_600_000),
      to: iso(to),
      alarms: 30,
      perDay: 30,
      per10Minutes: {
        mean: 0.2,
        worst: 14,
        series: Array.from({ length: 144 }, (_, index): [string, number] => [
          iso(to - (144 - index) * 600_000),
          index % 3,
        ]),
      },
      floodShare: 0.002,
      floods: [{ from: iso(to - 900_000), to: iso(to), alarms: 17 }],
      incidents: { count: 900, perDay: 900, per10Minutes: { mean: 6, worst: 90 }, floodShare: 0.2, floods: [] },
      chattering: [{ cameraId: 'north', kind: 'queue', incidents: 60, worstPerMinute: 5 }],
      stale: [{ alarmId: 'i-1', openedAt: iso(to - 90_000_000), level: 'high', cameraIds: ['north'] }],
      worst: [{ cameraId: 'north', kind: 'near-miss', alarms: 20, share: 0.4 }],
      bars: { perDay: 150, per10Minutes: 10, floodShare: 0.01 },
    });
    await at.page.emulateMedia({ colorScheme: 'light' });
    await at.page.goto(`${at.base}/#/load`);
    await at.page.waitForSelector('.load-bars');
    const holds = await at.page
      .locator('.load-bars [data-bar]')
      .evaluateAll((bars) => bars.map((bar) => `${bar.getAttribute('data-bar')} ${bar.getAttribute('data-holds')}`));
    assert.deepEqual(holds, ['perDay true', 'mean10 true', 'worst10 false', 'floodShare true']);
    assert.match(
      await at.text('[data-bar="worst10"]'),
      /14[^]*⚠ does not hold \(bar: at most 10\)[^]*before the guard: 90/u,
    );
    assert.match(await at.text('.load'), /17 alarms/u);
    await at.page.waitForSelector('.plot canvas');
    await at.page.emulateMedia({ colorScheme: 'dark' });
    await at.page.getByRole('button', { name: /User and settings/u }).click();
    await at.page.getByRole('menuitemradio', { name: '中文' }).click();
    await at.page.keyboard.press('Escape');
    await at.page
      .getByRole('button', { name: /^搁置 north/u })
      .first()
      .focus();
    await at.page.keyboard.press('Enter');
    await at.page.waitForSelector('[data-dialog="shelve"]');
    await at.page.locator('[data-dialog="shelve"] [name="reason"]').focus();
    await at.page.keyboard.press('Enter');
    await until('the shelf', async () => at.world.desk.shelves().length === 1);
    assert.deepEqual([at.world.desk.shelves()[0]?.cameraId, at.world.desk.shelves()[0]?.kind], ['north', 'near-miss']);
  });
});
