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
    await dialog('widen-release').locator('[name="percent"]').fill('50');
    await press('Enter');
    await until('the share', () => at.world.releases.now.running?.percent === 50);
    await dialog('widen-release').waitFor({ state: 'detached' });

    await choose('Promote');
    await dialog('end-release').getByRole('button', { name: 'Promote' }).click();
    await dialog('end-release').waitFor({ state: 'detached' });
    assert.equal(at.world.releases.get('mini')?.state, 'promoted');

    // The way back, by keyboard alone.
    await at.page.getByRole('button', { name: 'Actions: mini' }).focus();
    await press('Enter');
    await at.page.getByRole('menuitem', { name: 'Roll back' }).waitFor();
    await press('ArrowDown', 'Enter');
    await dialog('end-release').waitFor();
    await press('Escape');
    await dialog('end-release').waitFor({ state: 'detached' });
    assert.equal(at.world.releases.get('mini')?.state, 'promoted', 'Escape changes nothing');
    await choose('Roll back');
    await dialog('end-release').getByRole('button', { name: 'Roll back' }).click();
    await dialog('end-release').waitFor({ state: 'detached' });
    assert.equal(at.world.releases.get('mini')?.state, 'rolled-back');
  });
});
