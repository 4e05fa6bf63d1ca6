import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SceneConfig } from '../../src/messages/scene.ts';
import { axeViolations } from '../support/page-axe.ts';
import { aggregate, config, incidentOf, record, SCENE } from '../support/http-samples.ts';
import { skipWithoutChromium } from '../support/chromium.ts';
import { plainJpeg } from '../support/jpeg.ts';
import { servedPage } from '../support/served-page.ts';
import { until } from '../support/until.ts';

describe('the scene editor', { skip: skipWithoutChromium }, () => {
  const at = servedPage();
  const stored = () => at.world.cameras.get('north')?.config.scene;

  /** A camera with a picture of 640 x 352, and the editor of its scene. */
  async function openEditor(scene?: object): Promise<void> {
    const given = scene === undefined ? {} : { scene: SceneConfig.parse(scene) };
    at.world.cameras.set('north', record(config('north', given)));
    at.world.saw(aggregate('north'), await plainJpeg(60, 80, 60));
    await at.page.goto(`${at.base}/#/cameras/north/scene`);
    await at.page.waitForSelector('.scene-sheet img');
  }

  /** Clicks at px of the scene's picture. */
  async function click(x: number, y: number, width = 640, height = 352): Promise<void> {
    const box = await at.page.locator('.scene-marks').boundingBox();
    assert.ok(box !== null);
    await at.page.mouse.click(box.x + (x * box.width) / width, box.y + (y * box.height) / height);
  }

  const button = (name: string | RegExp) => at.page.getByRole('button', { name, exact: typeof name === 'string' });
  const status = () => at.page.locator('.scene-save [data-changed]').getAttribute('data-changed');

  it('draws a lane with its arrow and a counting line by mouse, moves a corner, undoes, and saves', async () => {
    await openEditor();
    await button('Draw a zone').click();
    for (const [x, y] of [
      [100, 300],
      [200, 300],
      [200, 100],
      [100, 100],
      [100, 300],
    ] as const)
      await click(x, y);
    await at.page.waitForSelector('.scene-zone[data-selected="true"]');
    await button('Add an arrow').click();
    await at.page.locator('[name="zones[0].speedLimitKmh"]').fill('500');
    await until('the live refusal', async () => /at most 300/u.test(await at.text('.scene-problems')));
    assert.equal(await at.page.locator('[name="zones[0].speedLimitKmh"]').getAttribute('aria-invalid'), 'true');
    await at.page.locator('[name="zones[0].speedLimitKmh"]').fill('50');
    const corner = at.page.locator('[data-handle="corner-2"] .knob');
    const box = await corner.boundingBox();
    assert.ok(box !== null);
    await at.page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await at.page.mouse.down();
    await at.page.mouse.move(box.x + 60, box.y + 10, { steps: 4 });
    await at.page.mouse.up();
    await button('Undo').click();
    await button('Draw a line').click();
    await click(50, 200);
    await click(300, 210);
    await until('no problem', async () => /is valid/u.test(await at.text('.scene-problems')));
    await button('Save').click();
    await until('it to be saved', async () => (await status()) === 'false');
    const scene = stored();
    assert.deepEqual(
      scene?.zones.map(({ id, kind, speedLimitKmh }) => [id, kind, speedLimitKmh]),
      [['lane-1', 'lane', 50]],
    );
    const [first, , third] = scene?.zones[0]?.polygon ?? [];
    assert.ok(first !== undefined && Math.hypot(first[0] - 100, first[1] - 300) < 2);
    assert.ok(third !== undefined && Math.hypot(third[0] - 200, third[1] - 100) < 2, 'the move was undone as one');
    assert.equal(scene?.zones[0]?.direction?.length, 2);
    assert.equal(scene?.lines.length, 1);
    assert.deepEqual([scene?.width, scene?.height], [640, 352]);
  });

  it('does the same by keys alone', async () => {
    await openEditor();
    const { keyboard } = at.page;
    await button('Draw a zone').focus();
    await keyboard.press('Enter');
    assert.equal(await at.page.evaluate("document.activeElement.getAttribute('role')"), 'application');
    const corners = [
      ['ArrowUp', 5],
      ['ArrowRight', 8],
      ['ArrowDown', 9],
    ] as const;
    for (const [key, steps] of corners) {
      await keyboard.press('Enter');
      for (let i = 0; i < steps; i += 1) await keyboard.press(`Shift+${key}`);
    }
    await keyboard.press('Enter');
    await keyboard.press('Enter');
    await at.page.waitForSelector('.scene-zone[data-selected="true"]');
    const corner = at.page.locator('[data-handle="corner-0"]');
    await corner.focus();
    await keyboard.press('Shift+ArrowLeft');
    await keyboard.press('ArrowLeft');
    await keyboard.press('Enter');
    await until(
      'the new corner to have the focus',
      async () => (await at.page.evaluate("document.activeElement.getAttribute('data-handle')")) === 'corner-1',
    );
    await keyboard.press('Delete');
    await keyboard.press('Control+z');
    await keyboard.press('Control+Shift+z');
    await until('four corners again', async () => (await at.page.locator('.scene-handle').count()) === 4);
    await keyboard.press('Control+s');
    await until('it to be saved', () => stored());
    const polygon = stored()?.zones[0]?.polygon;
    assert.deepEqual(polygon, [
      [309, 176],
      [320, 126],
      [400, 126],
      [400, 216],
    ]);
  });

  it('lays a grid of metres by the calibration, and tells how far a point is off', async () => {
    await openEditor(SCENE);
    await at.page.getByRole('tab', { name: 'Calibration' }).click();
    assert.equal(await at.page.locator('.scene-grid').getAttribute('data-step'), '2');
    assert.match(await at.text('.scene-report'), /Fit: 0\.\d px/u);
    const field = at.page.locator('[name="calibration[4].road[0]"]');
    await field.fill('1');
    await until('the worse fit', async () => !/Fit: 0\.0 px/u.test(await at.text('.scene-report')));
    await field.fill('x');
    await until('the refusal', async () => /must be a number/u.test(await at.text('.scene-problems')));
    await field.fill('0');
    await button('Add calibration points').click();
    await click(700, 420, 1_280, 720);
    assert.equal(await at.page.locator('.scene-pairs tbody tr').count(), 6);
    await at.page.keyboard.press('Escape');
    await button('Remove point 6').click();
    await until('no change', async () => (await status()) === 'false');
  });

  it('changes thresholds, and shows the events that would have come', async () => {
    await openEditor(SCENE);
    await at.page.getByRole('tab', { name: 'Thresholds' }).click();
    await at.page.locator('[data-kind="speeding"] > summary').click();
    await at.page.locator('[name="thresholds.speeding.minLimitRatio"]').fill('1.5');
    await at.page.locator('[data-kind="queue"] > summary').click();
    await at.page.locator('[data-kind="queue"] .switch').click();
    const frame = at.world.saw(aggregate('north'), await plainJpeg(90, 90, 90));
    const { kind, onset, zone, evidence, severity, bbox } = incidentOf(frame.requestId);
    const found = { kind, onset, endedAt: null, zone, evidence, severity, bbox, requestId: frame.requestId };
    at.world.dryRunReport = {
      ...at.world.dryRunReport,
      recorded: 1_200,
      incidents: [{ ...found, imageId: frame.imageId }],
      counts: { 'near-miss': 1 },
    };
    await at.page.getByRole('tab', { name: 'Try it' }).click();
    await button('Try the scene').click();
    await at.page.waitForSelector('.dry-run');
    assert.deepEqual(at.world.dryRuns[0]?.scene?.thresholds, {
      speeding: { minLimitRatio: 1.5 },
      queue: { enabled: false },
    });
    assert.equal(at.world.dryRuns[0]?.minutes, 10);
    assert.match(await at.text('.dry-run'), /The newest 60 of 1200 frames/u);
    const counts = await at.text('.dry-run-counts');
    assert.match(counts, /Near miss\s+1\s+0/u);
    assert.match(counts, /Speeding\s+0\s+1/u);
    assert.match(await at.text('.dry-run-events'), /HIGH\s+Near miss[^]*TTC 0\.9 s/u);
    assert.equal(await at.page.getByRole('img', { name: /Near miss at/u }).count(), 1);
    assert.deepEqual(stored()?.thresholds, undefined, 'nothing was saved');
  });

  it('asks before unsaved changes are left, and removes a scene after asking', async () => {
    await openEditor(SCENE);
    await button(/^north-bound/u).click();
    await button('Remove the zone').click();
    await at.page.getByRole('link', { name: 'Wall' }).click();
    await at.page.waitForSelector('[data-dialog="leave-scene"]');
    await button('Stay').click();
    assert.match(at.page.url(), /cameras\/north\/scene$/u);
    await button('Revert').click();
    await until('nothing to be changed', async () => (await status()) === 'false');
    await button('Remove the scene').click();
    await at.page.locator('[data-dialog="remove-scene"]').getByRole('button', { name: 'Remove the scene' }).click();
    await until('it to be removed', () => stored() === undefined);
    await at.page.getByRole('link', { name: 'Wall' }).click();
    await at.page.waitForURL(/#\/wall$/u);
  });

  /** Somebody else stores a scene with this limit, or takes the scene away (null). */
  function kimStores(speedLimitKmh: number | null): void {
    const scene = speedLimitKmh === null ? {} : { scene: SceneConfig.parse({ ...SCENE, speedLimitKmh }) };
    at.world.cameras.set('north', record(config('north', scene)));
    at.world.sceneChanges.set('north', { by: 'kim', at: new Date().toISOString() });
  }
  const limit = () => at.page.locator('[name="zones[0].speedLimitKmh"]');
  const conflict = () => at.page.locator('[data-dialog="scene-conflict"]');

  it("keeps somebody else's change until the person decides, and the person's edits too", async () => {
    await openEditor(SCENE);
    await button(/^north-bound/u).click();
    await limit().fill('60');
    kimStores(70);
    await button('Save').click();
    await conflict().waitFor();
    assert.match(await conflict().innerText(), /kim saved it after you had opened it: \d/u);
    assert.deepEqual(await axeViolations(at.page), []);
    await button('Keep editing').click();
    await conflict().waitFor({ state: 'detached' });
    assert.deepEqual([stored()?.speedLimitKmh, await limit().inputValue(), await status()], [70, '60', 'true']);

    await button('Save').click();
    await button('Load the other scene').click();
    await until('the other scene', async () => (await status()) === 'false');
    assert.equal(await limit().inputValue(), '50');
    await button('Undo').click();
    assert.deepEqual([await limit().inputValue(), await status()], ['60', 'true'], 'the edits are an undo away');
    await button('Save').click();
    await until('it to be saved', async () => (await status()) === 'false');
    assert.deepEqual([stored()?.zones[0]?.speedLimitKmh, stored()?.speedLimitKmh], [60, SCENE.speedLimitKmh]);
  });

  it("saves over somebody else's change, or removes it, once the person says so", async () => {
    await openEditor(SCENE);
    await button(/^north-bound/u).click();
    await limit().fill('60');
    kimStores(70);
    await button('Save').click();
    await conflict().waitFor();
    kimStores(80);
    await button('Save over it').click();
    await conflict().waitFor();
    assert.equal(stored()?.speedLimitKmh, 80, 'the second change is not lost either');
    await button('Save over it').click();
    await until('it to be saved', async () => (await status()) === 'false');
    assert.deepEqual([stored()?.zones[0]?.speedLimitKmh, stored()?.speedLimitKmh], [60, SCENE.speedLimitKmh]);

    kimStores(70);
    await button('Remove the scene').click();
    await at.page.locator('[data-dialog="remove-scene"]').getByRole('button', { name: 'Remove the scene' }).click();
    await button('Remove it all the same').click();
    await until('it to be removed', () => stored() === undefined);
  });

  it('tells that somebody else removed the scene, and that somebody else made the first one', async () => {
    await openEditor(SCENE);
    await button(/^north-bound/u).click();
    await limit().fill('60');
    kimStores(null);
    await button('Save').click();
    await conflict().waitFor();
    assert.match(await conflict().innerText(), /was removed after you had opened it/u);
    await button('Empty it here too').click();
    await until('nothing to be changed', async () => (await status()) === 'false');
    assert.equal(await at.page.locator('.scene-zone').count(), 0);
    kimStores(70);
    await button('Undo').click();
    await button('Save').click();
    await conflict().waitFor();
    assert.equal(stored()?.speedLimitKmh, 70);
    await button('Save over it').click();
    await until('it to be saved', () => stored()?.zones[0]?.speedLimitKmh === 60);
  });

  it('shows the refusal of the server beside its field', async () => {
    await openEditor(SCENE);
    await button(/^north-bound/u).click();
    await at.page.locator('[name="zones[0].speedLimitKmh"]').fill('60');
    const error = { code: 'INVALID_FIELD', message: 'zones[0].id: is odd', field: 'zones[0].id', value: 'north-bound' };
    await at.page.route('**/api/cameras/north/scene', (route) =>
      route.request().method() === 'PUT' ? route.fulfill({ status: 400, json: error }) : route.continue(),
    );
    await button('Save').click();
    await until('the refusal', async () => (await at.text('.field:has([name="zones[0].id"]) .error')) === 'is odd');
    assert.equal(await at.page.evaluate("document.activeElement.getAttribute('name')"), 'zones[0].id');
  });

  it('has nothing that axe finds, in both themes and languages', async () => {
    await openEditor(SCENE);
    for (const [theme, language] of [
      ['light', 'en'],
      ['dark', 'zh'],
    ] as const) {
      await at.page.evaluate(`localStorage.setItem('gantry-preferences', '${JSON.stringify({ theme, language })}')`);
      await at.page.reload();
      await at.page.waitForSelector('.scene-sheet img');
      await at.page.locator('[data-part="zones[0]"]').click();
      // Each panel once: axe takes seconds on a busy machine.
      const panel = theme === 'light' ? 'thresholds' : 'calibration';
      await at.page.locator(`[role="tab"][data-value="${panel}"]`).click();
      if (panel === 'thresholds') await at.page.locator('[data-kind="speeding"] > summary').click();
      assert.deepEqual(await axeViolations(at.page), [], `${theme}, ${language}, ${panel}`);
    }
  });
});
