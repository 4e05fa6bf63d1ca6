import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { skipWithoutChromium } from '../support/chromium.ts';
import { aggregate, incidentOf } from '../support/http-samples.ts';
import { plainJpeg } from '../support/jpeg.ts';
import { servedPage } from '../support/served-page.ts';
import { until } from '../support/until.ts';

const blue = await plainJpeg(20, 40, 200);
const PASSWORD = 'a good password';

describe('the wall, by choice', { skip: skipWithoutChromium }, () => {
  const at = servedPage();
  const { open, push, shows, text } = at;

  /** Ids of the tiles in the order of their elements, which is that of keyboard and screen reader. */
  const order = (): Promise<(string | null)[]> =>
    at.page
      .locator('.wall-place:not([hidden]) .tile')
      .evaluateAll((all) => all.map((one) => one.getAttribute('data-camera')));
  const becomes = (what: string, wanted: readonly string[]) =>
    until(what, async () => JSON.stringify(await order()) === JSON.stringify(wanted));
  const choose = async (name: string, option: string): Promise<void> => {
    await at.page.click(`[data-name="${name}"]`);
    await at.page.getByRole('option', { name: option, exact: true }).click();
  };
  const grouped = (id: string, ...groups: string[]): void => {
    const record = at.world.add(id).cameras.get(id)!;
    at.world.cameras.set(id, { ...record, config: { ...record.config, groups } });
  };

  it('puts dangerous cameras first, and marks an incident with an icon and words', async () => {
    at.world.add('a', 'b', 'c');
    await open();
    await choose('order', 'by danger');
    const incident = incidentOf('c');
    const verdict = { ...incident.verdict, level: 'high' as const };
    const incidents = [{ ...incident, verdict, state: 'open' as const }];
    await push(aggregate('b', { risk: 'medium' }), blue);
    const frame = await push({ ...aggregate('c', { risk: 'high' }), incidents }, blue);
    await shows(frame);
    await becomes('the order of danger', ['c', 'b', 'a']);
    assert.match(await text('[data-camera="c"] .incident'), /⚠[^]*Near miss/u);
    assert.equal(await at.page.locator('[data-camera="b"] .incident').count(), 0);
  });

  it('shows groups, what the search names, and only the busy ones', async () => {
    grouped('east-1', 'east');
    grouped('west-1', 'west');
    at.world.add('tunnel');
    await open();
    await becomes('all', ['east-1', 'tunnel', 'west-1']);
    await choose('group', 'west');
    await becomes('the group', ['west-1']);
    assert.match(await text('.wall-count'), /1 of 3/u);
    await choose('group', 'all cameras');
    await at.page.fill('.wall-search', 'tun');
    await becomes('what was searched', ['tunnel']);
    await at.page.fill('.wall-search', '');
    await at.page.getByText('Only the busy ones').click();
    await at.page.waitForSelector('.wall-scroll .empty');
    await push(aggregate('east-1', { risk: 'low' }), blue);
    await becomes('the busy one', ['east-1']);
  });

  it('shows four at a time, and the next ones by keyboard', async () => {
    at.world.add('a', 'b', 'c', 'd', 'e', 'f');
    await open();
    await at.page.locator('[data-name="size"]').focus();
    await at.page.keyboard.press('Enter');
    // Keys reach the list once it has the focus, a moment after it is shown.
    await at.page.waitForSelector('[role="listbox"]:focus');
    await at.page.keyboard.press('ArrowDown');
    await at.page.keyboard.press('ArrowDown');
    await at.page.keyboard.press('Enter');
    await becomes('the first four', ['a', 'b', 'c', 'd']);
    await at.page.getByRole('button', { name: 'Next page' }).focus();
    await at.page.keyboard.press('Enter');
    await becomes('the rest', ['e', 'f']);
    assert.match(await text('.wall-pages'), /Page 2 of 2/u);
  });

  it('keeps a fixed layout for the user, by keyboard alone', async () => {
    at.world.add('a', 'b', 'c');
    await open();
    await at.page.fill('.wall-search', 'b');
    await becomes('one', ['b']);
    await at.page.getByRole('button', { name: 'Layouts…' }).focus();
    await at.page.keyboard.press('Enter');
    await at.page.waitForSelector('[data-dialog="layouts"]');
    await at.page.keyboard.type('Bridge');
    await at.page.keyboard.press('Enter');
    await at.page.waitForSelector('[data-dialog="layouts"]', { state: 'detached' });
    await at.page.fill('.wall-search', '');
    await becomes('the layout', ['b']);
    await until('the server to keep it', async () =>
      (await (await fetch(`${at.base}/api/preferences`)).text()).includes('Bridge'),
    );
    // Another browser of the same user has it too.
    await at.page.evaluate('localStorage.clear()');
    await at.page.reload();
    await becomes('the layout again', ['b']);
    assert.match(await text('[data-name="order"]'), /fixed: Bridge/u);
  });

  it('leaves the focus where it can be seen when its tile is scrolled away', async () => {
    at.world.add(...Array.from({ length: 60 }, (_, index) => `cam-${index + 1}`));
    await open();
    await at.page.getByRole('button', { name: 'Live video of cam-1', exact: true }).focus();
    await at.page.locator('.wall-scroll').evaluate((element) => element.scrollTo({ top: 3_000 }));
    await until('the focus to move', async () =>
      at.page.evaluate<boolean>("document.activeElement.classList.contains('wall-scroll')"),
    );
  });

  it('can be clicked after a dialog, even if it was blocked before', async () => {
    at.world.add('north');
    await open();
    // The state that two dialogs leave, one of which replaces the other at once.
    await at.page.evaluate(`document.body.style.pointerEvents = 'none'`);
    await at.page.focus('#add-camera');
    await at.page.keyboard.press('Enter');
    await at.page.waitForSelector('.dialog:focus-within [name="cameraId"]');
    await at.page.keyboard.press('Escape');
    await at.page.waitForSelector('[name="cameraId"]', { state: 'detached' });
    await at.page.click('#add-camera');
    await at.page.waitForSelector('[name="cameraId"]');
  });

  it('asks for a password, says when it is wrong, and hides from a viewer what only an admin may do', async () => {
    at.world.add('north');
    const { users, hasher } = at.world.accounts;
    const passwordHash = await hasher.hash(PASSWORD);
    await users.add({ name: 'root', role: 'admin', groups: null, passwordHash, identity: null });
    await users.add({ name: 'anna', role: 'viewer', groups: null, passwordHash, identity: null });
    await at.page.goto(at.base);
    const signIn = async (user: string, password: string): Promise<void> => {
      await at.page.waitForSelector('[data-dialog="sign-in"]');
      await at.page.fill('[name="user"]', user);
      await at.page.fill('[name="password"]', password);
      await at.page.keyboard.press('Enter');
    };
    await signIn('anna', 'not her password');
    await until('the refusal', async () => (await text('[data-dialog="sign-in"] [role="alert"]')) !== '');
    await signIn('anna', PASSWORD);
    await at.page.waitForSelector('[data-camera="north"]');
    assert.equal(await at.page.locator('#add-camera').count(), 0);
    assert.equal(await at.page.getByRole('button', { name: 'Remove north' }).count(), 0);
    await at.page.getByRole('button', { name: /User and settings/u }).click();
    await at.page.getByRole('menuitem', { name: 'Sign out', exact: true }).click();
    await signIn('root', PASSWORD);
    // A change of a session carries its token against forged requests.
    await at.page.click('#add-camera');
    await at.page.fill('[name="cameraId"]', 'south');
    await at.page.fill('[name="url"]', 'rtsp://192.0.2.1/x');
    await at.page.keyboard.press('Enter');
    await at.page.waitForSelector('[data-camera="south"]');
  });
});
