import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ReleaseFigures } from '../../src/releases/release-figures.ts';
import { skipWithoutChromium } from '../support/chromium.ts';
import { judgementOf, pairOf } from '../support/releases.ts';
import { servedPage } from '../support/served-page.ts';
import { until } from '../support/until.ts';

describe('releases on the page', { skip: skipWithoutChromium }, () => {
  const at = servedPage();
  const dialog = (id: string) => at.page.locator(`[data-dialog="${id}"]`);
  const press = async (...keys: string[]): Promise<void> => {
    for (const key of keys) await at.page.keyboard.press(key);
  };
  const rowShows = (text: RegExp) => at.page.getByRole('row').filter({ hasText: text }).waitFor();
  const choose = async (action: string): Promise<void> => {
    await at.page.getByRole('button', { name: 'Actions: mini' }).click();
    await at.page.getByRole('menuitem', { name: action }).click();
  };

  it('start, widen, promote and roll back, by mouse and by keyboard', async () => {
    await at.page.goto(`${at.base}/#/system/releases`);
    await at.page.getByRole('button', { name: 'Start a release' }).click();
    await dialog('start-release').locator('[name="releaseId"]').fill('Mini');
    await press('Enter');
    await dialog('start-release').getByText('must be 1 to 40 characters').waitFor();
    await dialog('start-release').locator('[name="releaseId"]').fill('mini');
    await dialog('start-release').locator('[name="changes.model"]').fill('mini-model');
    await dialog('start-release').locator('[name="limits.unknownShare"]').fill('0.2');
    await press('Enter');
    await dialog('start-release').waitFor({ state: 'detached' });
    const { running } = at.world.releases.now;
    assert.deepEqual(
      [running?.changes, running?.mode, running?.limits.unknownShare],
      [{ model: 'mini-model' }, 'shadow', 0.2],
    );

    const figures = new ReleaseFigures();
    figures.add(pairOf('mini', judgementOf('low'), judgementOf('high')), 50);
    at.world.releaseFigures.set('mini', figures);
    await at.page.getByText('only the candidate: low → high').waitFor();

    await choose('Change the share');
    await dialog('widen-release').locator('[name="percent"]').fill('');
    await press('Enter');
    await dialog('widen-release').getByText('must be a number').waitFor();
    await dialog('widen-release').locator('[name="percent"]').fill('50');
    await press('Enter');
    await until('the share', () => at.world.releases.now.running?.percent === 50);
    await dialog('widen-release').waitFor({ state: 'detached' });
    await rowShows(/50 %/u);

    await choose('Promote');
    await dialog('end-release').getByRole('button', { name: 'Promote' }).click();
    await dialog('end-release').waitFor({ state: 'detached' });
    assert.equal(at.world.releases.get('mini')?.state, 'promoted');
    await rowShows(/promoted/u);

    // The way back, by keyboard alone.
    await at.page.getByRole('button', { name: 'Actions: mini' }).focus();
    await press('Enter');
    // Keys reach the menu once it has the focus, a moment after it is shown.
    await at.page.waitForSelector('[role="menu"]:focus [role="menuitem"][data-highlighted]:text("Roll back")');
    await press('Enter');
    await at.page.waitForSelector('[data-dialog="end-release"]:focus-within');
    await press('Escape');
    await dialog('end-release').waitFor({ state: 'detached' });
    assert.equal(at.world.releases.get('mini')?.state, 'promoted', 'Escape changes nothing');
    await choose('Roll back');
    await dialog('end-release').getByRole('button', { name: 'Roll back' }).click();
    await dialog('end-release').waitFor({ state: 'detached' });
    assert.equal(at.world.releases.get('mini')?.state, 'rolled-back');
  });

  it('start with thresholds and every limit, by mouse, on a narrow screen', async () => {
    await at.page.setViewportSize({ width: 390, height: 800 });
    await at.page.goto(`${at.base}/#/system/releases`);
    await at.page.getByRole('button', { name: 'Start a release' }).click();
    const form = dialog('start-release');
    await form.getByRole('textbox', { name: 'Name' }).fill('strict');
    await form.getByText('Thresholds of events').click();
    await form.getByText('Speeding').click();
    const ratio = form.getByRole('textbox', { name: 'Times the limit above, ×' });
    await ratio.fill('9');
    await form.getByText('Queue', { exact: true }).click();
    await form.locator('[data-kind="queue"]').getByText('Look for it').click();
    for (const [name, value] of LIMITS) await form.getByRole('textbox', { name }).fill(value);
    assert.deepEqual(
      await form.evaluate(
        (element) => [...element.querySelectorAll('*')].filter(({ scrollWidth }) => scrollWidth > 390).length,
      ),
      0,
    );
    await form.getByRole('button', { name: 'Start a release' }).click();
    await form.getByText('must be at most 5').waitFor();
    const focused = await at.page.evaluate<string>('document.activeElement.name');
    assert.equal(focused, 'changes.thresholds.speeding.minLimitRatio');
    assert.equal(await form.locator('p[role="alert"]').textContent(), '', 'said once, beside the field');
    await ratio.fill('1.5');
    await form.getByRole('button', { name: 'Start a release' }).click();
    await form.waitFor({ state: 'detached' });
    const { running } = at.world.releases.now;
    assert.deepEqual(running?.changes, { thresholds: { speeding: { minLimitRatio: 1.5 }, queue: { enabled: false } } });
    assert.deepEqual(running?.by, 'camera');
    assert.deepEqual(running?.limits, {
      minAnswers: 20,
      unknownShare: 0.2,
      failedShare: 0.1,
      latencyP95Seconds: 4,
      costRatio: 1.5,
      agreement: 0.8,
    });
  });

  it('start with a threshold and a limit by keyboard alone, with the words of the API about a wrong one', async () => {
    await at.page.goto(`${at.base}/#/system/releases`);
    await at.page.getByRole('button', { name: 'Start a release' }).focus();
    await press('Enter');
    const form = dialog('start-release');
    await form.locator('[name="releaseId"]').focus();
    await at.page.keyboard.type('keys');
    await form.locator('.release-thresholds > summary').focus();
    await press('Enter');
    await form.locator('[data-kind="tailgating"] > summary').focus();
    await press('Enter', 'Tab', 'Space', 'Tab');
    await at.page.keyboard.type('soon');
    await form.locator('[name="limits.costRatio"]').focus();
    await at.page.keyboard.type('0');
    await press('Enter');
    await form.getByText('must be a number').waitFor();
    const headway = form.locator('[name="changes.thresholds.tailgating.maxHeadwaySeconds"]');
    await headway.fill('0.5');
    await press('Enter');
    await form.getByText('must be at least 0.01').waitFor();
    await form.locator('[name="limits.costRatio"]').fill('2');
    await press('Enter');
    await form.waitFor({ state: 'detached' });
    const { running } = at.world.releases.now;
    assert.deepEqual(running?.changes, { thresholds: { tailgating: { enabled: false, maxHeadwaySeconds: 0.5 } } });
    assert.equal(running?.limits.costRatio, 2);
  });
});

const LIMITS = [
  ['Not before so many judgements', '20'],
  ['Above this share of unknown answers', '0.2'],
  ['Above this share of failed calls', '0.1'],
  ['Above this latency of 95 % of the calls, s', '4'],
  ['Above this cost, times that of the present way', '1.5'],
  ['Below this share of pairs at the same level', '0.8'],
] as const;
