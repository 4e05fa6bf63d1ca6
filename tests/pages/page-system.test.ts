import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AuditEntry } from '../../src/messages/audit.ts';
import { skipWithoutChromium } from '../support/chromium.ts';
import { DEAD_LETTER } from '../support/full-world.ts';
import { systemAlert } from '../support/fake-monitoring.ts';
import { healthy, tree } from '../support/http-samples.ts';
import { budget } from '../support/system-samples.ts';
import { later, servedPage } from '../support/served-page.ts';
import { until } from '../support/until.ts';

const PASSWORD = 'a good password';

const change: AuditEntry = {
  at: '2026-01-02T03:04:05.000Z',
  who: 'eva',
  role: 'admin',
  via: 'session',
  address: '10.0.0.7',
  action: 'camera.change',
  target: 'north',
  cameraId: 'north',
  before: { name: 'North', frameRate: 2 },
  after: { name: 'North gate', frameRate: 2 },
};

describe('the system on the page', { skip: skipWithoutChromium }, () => {
  const at = servedPage();
  const dialog = (id: string) => at.page.locator(`[data-dialog="${id}"]`);
  const go = async (view: string): Promise<void> => {
    await at.page.goto(`${at.base}/#/${view}`);
  };
  const press = async (...keys: string[]): Promise<void> => {
    for (const key of keys) await at.page.keyboard.press(key);
  };
  const focused = (): Promise<string> => at.page.evaluate<string>(`document.activeElement?.dataset.id ?? ''`);

  const setPassword = async (): Promise<void> => {
    await at.page.waitForURL(/#\/setup\//u);
    await at.page.fill('[name="password"]', PASSWORD);
    await at.page.fill('[name="repeat"]', PASSWORD);
    await press('Enter');
    await at.page.waitForURL(/#\/wall/u);
  };

  it('shows why an actor failed, and restarts it by mouse and by keyboard', async () => {
    at.world.add('north', 'south');
    at.world.treeNow = tree(['north', 'south']);
    await go('system/tree');
    await at.page.click('.tree-line[data-id="/cameras"]');
    await at.page.click('.tree-line[data-id="/cameras/north"]');
    const detail = at.page.locator('.tree-detail');
    await detail.getByText('the thread ended').waitFor();
    assert.match(await detail.innerText(), /Restarts left to its supervisor\s+4 of 5 in 60 s[^]*3 of 100/u);
    await detail.getByRole('button', { name: 'Restart' }).click();
    await dialog('restart').getByRole('button', { name: 'Restart' }).click();
    await dialog('restart').waitFor({ state: 'detached' });
    assert.deepEqual(
      at.world.audited.map(({ action, target }) => [action, target]),
      [['actor.restart', '/cameras/north']],
    );

    await at.page.focus('.tree-line[data-id="/cameras/north"]');
    await press('ArrowDown', 'Enter');
    await until('the next actor to have the focus', async () => (await focused()) === '/cameras/south');
    await at.page.locator('.tree-detail[aria-label="/cameras/south"]').waitFor();
    // New data every two seconds does not take the focus away.
    const asked = at.page.waitForResponse(/supervisor\/tree/u);
    await asked;
    assert.equal(await focused(), '/cameras/south');
    await press('Tab', 'Enter');
    // Keys reach it once it has the focus.
    await at.page.waitForSelector('[data-dialog="restart"]:focus-within');
    await press('Escape');
    await dialog('restart').waitFor({ state: 'detached' });
    assert.equal(at.world.audited.length, 1, 'Escape restarts nothing');
  });

  it('shows the alert rules, and silences one by mouse and another by keyboard', async () => {
    const { monitoring } = at.world;
    at.world.add('north');
    monitoring.alerts = [systemAlert('camera_dark', { cameraId: 'north' })];
    monitoring.values.set('camera_dark', [75]);
    await go('system/monitoring');
    const row = at.page.locator('.table-row[data-row="camera_dark"]');
    await row.getByText('firing').waitFor();
    assert.match(await row.innerText(), /camera_dark[^]*firing[^]*critical[^]*75 s[^]*> 60 s/u);
    assert.match(await at.page.locator('.table-row[data-row="cpu_usage"]').innerText(), /no figures[^]*> 80 %/u);

    await at.page.locator('.notice[data-rule="camera_dark"] button').click();
    await dialog('silence').getByRole('button', { name: 'Silence' }).click();
    await dialog('silence').locator('.error', { hasText: /\S/u }).first().waitFor();
    await dialog('silence').locator('[name="reason"]').fill('its mast is moved');
    await dialog('silence').getByRole('button', { name: 'Silence' }).click();
    await dialog('silence').waitFor({ state: 'detached' });
    await at.page.getByText('its mast is moved').waitFor();

    await at.page.focus('.table-row[data-row="disk_full"] button');
    await press('Enter');
    await dialog('silence').waitFor();
    await dialog('silence').locator('[name="reason"]').focus();
    await at.page.keyboard.type('a new disk comes');
    await press('Enter');
    await dialog('silence').waitFor({ state: 'detached' });
    assert.deepEqual(
      monitoring.silences.map(({ rule, cameraId, reason }) => [rule, cameraId, reason]),
      [
        ['camera_dark', 'north', 'its mast is moved'],
        ['disk_full', null, 'a new disk comes'],
      ],
    );

    await at.page.getByRole('button', { name: 'End the silence of disk_full' }).press('Enter');
    await at.page.getByText('a new disk comes').waitFor({ state: 'detached' });
    assert.deepEqual(
      at.world.audited.map(({ action, cameraId }) => [action, cameraId]),
      [
        ['silence.add', 'north'],
        ['silence.add', null],
        ['silence.remove', null],
      ],
    );
  });

  it('says in every view which alerts fire about Gantry itself, and leads to them', async () => {
    const alert = systemAlert('disk_full');
    at.world.monitoring.alerts = [alert];
    const alerts = [
      { ...alert, notice: 'The disk is full' },
      { ...systemAlert('cpu_usage', { severity: 'warning' }), notice: 'The processors are busy' },
      { ...systemAlert('key_pool', { silencedUntil: later(60_000) }), notice: null },
    ];
    at.world.health = { ...healthy, notices: ['The disk is full', 'The processors are busy'], alerts };
    await go('wall');
    const notices = at.page.locator('#notices .notice');
    await notices.first().waitFor();
    assert.deepEqual(await notices.allInnerTexts(), [
      'Alert (critical): The disk is full System › Monitoring',
      'Alert (warning): The processors are busy System › Monitoring',
    ]);
    const levels = await notices.evaluateAll((all) => all.map((one) => one.dataset['level']));
    assert.deepEqual(levels, ['bad', 'warn']);
    await notices.first().getByRole('link').press('Enter');
    await at.page.locator('.notice[data-rule="disk_full"]').waitFor();
    at.world.health = healthy;
    await notices.first().waitFor({ state: 'detached' });
  });

  it('states that no key is in use, without a warning, and leads to the keys', async () => {
    const notice = 'no API key is configured: measured events alone raise alerts';
    at.world.health = { ...healthy, assessment: { source: 'rules', notice }, notices: [notice] };
    at.world.budget = { ...budget, keys: { present: 0, needed: null }, short_since: null };
    await go('wall');
    const notices = at.page.locator('#notices .notice');
    await notices.first().waitFor();
    assert.deepEqual(await notices.allInnerTexts(), [
      'No API key is in use: measured events alone raise alerts, without a model. Add a key under: Budget',
    ]);
    assert.equal(await notices.getAttribute('data-level'), 'info');
    await notices.getByRole('link').press('Enter');
    await at.page.getByText('No API key is in use, so no model is asked').waitFor();
    assert.equal(await at.page.locator('.budget .notice[data-level="warn"]').count(), 0);
    at.world.health = healthy;
    at.world.budget = budget;
    await notices.first().waitFor({ state: 'detached' });
  });

  it('reads a dead letter and replays it, by keyboard alone', async () => {
    at.world.deadLetters.set(7, DEAD_LETTER);
    await go('system/dead-letters');
    await at.page.focus('.table-row[data-row="7"]');
    await press('Enter');
    await dialog('dead-letter').getByText('"number": 3').waitFor();
    assert.match(await dialog('dead-letter').innerText(), /too many entries[^]*Nats-Msg-Id\s+one/u);
    await dialog('dead-letter').getByRole('button', { name: 'Replay' }).press('Enter');
    await at.page.getByText('There are no dead letters.').waitFor();
    assert.equal(at.world.deadLetters.size, 0);
  });

  it('closes an open server with its first admin, who adds a user of one group', async () => {
    const { accounts } = at.world;
    const north = at.world.add('north').cameras.get('north');
    if (north !== undefined) at.world.cameras.set('north', { ...north, config: { ...north.config, groups: ['east'] } });
    await go('system/users');
    await at.page.getByRole('button', { name: 'Add a user' }).click();
    await dialog('add-user').locator('[name="name"]').fill('-');
    await press('Enter');
    await dialog('add-user').locator('.error', { hasText: 'must be' }).waitFor();
    await dialog('add-user').locator('[name="name"]').fill('eva');
    await press('Enter');
    await setPassword();
    await at.page.getByRole('button', { name: /eva, admin/u }).waitFor();

    await go('system/users');
    await at.page.getByRole('button', { name: 'Add a user' }).click();
    await dialog('add-user').locator('[name="name"]').fill('otto');
    await at.page.click('[data-name="role"]');
    await at.page.getByRole('option', { name: /^operator/u }).click();
    await dialog('add-user').getByText('all cameras').click();
    await at.page.click('[data-name="groups"]');
    await at.page.getByRole('option', { name: 'east' }).click();
    // Closes the list, not the dialog.
    await press('Escape');
    await dialog('add-user').getByRole('button', { name: 'Add a user' }).click();
    const link = await dialog('add-user').locator('[data-name="link"]').inputValue();
    const otto = accounts.users.get('otto');
    assert.deepEqual([otto?.role, otto?.groups], ['operator', ['east']]);

    await at.page.context().clearCookies();
    await at.page.goto('about:blank');
    await at.page.goto(link);
    await setPassword();
    await at.page.getByRole('button', { name: /otto, operator/u }).waitFor();
    // Parts that an operator of some cameras may not see are not offered.
    await go('system/tree');
    await at.page.getByRole('tab', { name: 'Flow' }).waitFor();
    assert.equal(await at.page.getByRole('tab', { name: 'Users' }).count(), 0);
    await go('system/users');
    await at.page.getByText('This part is for other users').waitFor();
  });

  it("changes one's own password from the menu", async () => {
    const { accounts } = at.world;
    const passwordHash = await accounts.hasher.hash(PASSWORD);
    await accounts.users.add({ name: 'eva', role: 'admin', groups: null, passwordHash, identity: null });
    await go('wall');
    await dialog('sign-in').locator('[name="user"]').fill('eva');
    await dialog('sign-in').locator('[name="password"]').fill(PASSWORD);
    await press('Enter');
    await at.page.getByRole('button', { name: /eva, admin/u }).click();
    await at.page.getByRole('menuitem', { name: 'Change the password' }).click();
    await at.page.fill('[name="current"]', 'not that one');
    await at.page.fill('[name="password"]', `${PASSWORD} too`);
    await at.page.fill('[name="repeat"]', `${PASSWORD} too`);
    await press('Enter');
    await dialog('own-password').locator('.error:not(:empty)').first().waitFor();
    await at.page.fill('[name="current"]', PASSWORD);
    await press('Enter');
    await dialog('own-password').waitFor({ state: 'detached' });
    await accounts.signIn.withPassword('eva', `${PASSWORD} too`, 'here');
  });

  it('shows a new API token once, and ends it', async () => {
    await go('system/users');
    await at.page.getByRole('button', { name: 'Make a token' }).press('Enter');
    await dialog('add-token').locator('[name="name"]').fill('exporter');
    await at.page.fill('[name="expiresAt"]', '2020-01-01T00:00');
    await press('Enter');
    await dialog('add-token').locator('.error', { hasText: 'must be in the future' }).waitFor();
    const nextWeek = new Date(Date.now() + 7 * 86_400_000).toISOString().slice(0, 16);
    await at.page.fill('[name="expiresAt"]', nextWeek);
    await press('Enter');
    const token = await dialog('add-token').locator('[data-name="token"]').inputValue();
    const [kept] = at.world.accounts.tokens.list();
    assert.equal(kept?.name, 'exporter');
    assert.ok(token.length > 30 && token !== kept?.id, 'the token itself, not its id');
    await press('Escape');
    await dialog('add-token').waitFor({ state: 'detached' });
    assert.equal(await at.page.locator('[data-name="token"]').count(), 0);
    await at.page.getByRole('button', { name: 'End the token exporter?' }).click();
    await dialog('remove-token').getByRole('button', { name: 'End', exact: true }).click();
    await until('the token to be gone', () => at.world.accounts.tokens.list().length === 0);
  });

  it('filters the audit, and shows what a change changed', async () => {
    at.world.add('north').audited.push(change);
    await go('system/audit');
    await at.page.fill('[name="who"]', 'eva');
    await until('the filter to be asked for', () => at.world.auditQueries.some(({ who }) => who === 'eva'));
    await at.page.focus('.table-row');
    await press('Enter');
    const entry = dialog('audit-entry');
    await entry.waitFor();
    assert.match(await entry.innerText(), /10\.0\.0\.7/u);
    assert.deepEqual(await entry.locator('tbody th').allInnerTexts(), ['name']);
    assert.deepEqual(
      [await entry.locator('del').innerText(), await entry.locator('ins').innerText()],
      ['− "North"', '+ "North gate"'],
    );
  });
});
