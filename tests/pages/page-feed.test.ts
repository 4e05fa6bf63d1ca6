import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { aggregate } from '../support/http-samples.ts';
import type { Aggregate } from '../../src/messages/aggregate.ts';
import { until } from '../support/until.ts';
import { skipWithoutChromium } from '../support/chromium.ts';
import { plainJpeg } from '../support/jpeg.ts';
import { later, servedPage } from '../support/served-page.ts';
import { fakeServer } from '../support/http-fakes.ts';

describe('the page, when its feed breaks', { skip: skipWithoutChromium }, () => {
  const at = servedPage();
  const { open, push, shows, text } = at;

  it('says that the feed is lost, comes back by itself, and shows what is new', async () => {
    at.world.add('north');
    await open();
    const { port } = new URL(at.base);
    await at.server.close();
    await at.page.waitForSelector('#feed-state[data-state="lost"]');
    assert.match(await text('#notices'), /live feed is disconnected/u);
    at.server = await fakeServer(at.world);
    await at.server.listen('127.0.0.1', Number(port));
    await at.page.waitForSelector('#feed-state[data-state="live"]', { timeout: 60_000 });
    await until('the notice to go', async () => !(await text('#notices')).includes('disconnected'));
    const frame = await push(aggregate('north', { risk: 'none' }), await plainJpeg(20, 40, 200));
    await shows(frame);
  });

  it('resumes after a lost connection: shows missed alerts, each once, and no older frame', async () => {
    at.world.add('north');
    at.server.feed.begin('e', 0);
    await open();
    let seq = 0;
    const live = async (frame: Aggregate, picture: Buffer): Promise<Aggregate> => {
      seq += 1;
      at.server.feed.publish(at.world.saw(frame, picture), { seq, through: seq });
      return frame;
    };
    const blue = await plainJpeg(20, 40, 200);
    const known = await live(aggregate('north', { risk: 'high', timestamp: later(0) }), blue);
    await shows(known);
    for (const socket of at.server.app.websocketServer.clients) socket.terminate();
    await until('nobody to be connected', () => at.server.figures().viewers === 0);
    const missed = await live(aggregate('north', { risk: 'high', timestamp: later(100) }), blue);
    const newest = await live(aggregate('north', { risk: 'low', timestamp: later(200) }), blue);
    assert.equal(await at.page.locator('#alerts li').count(), 1);
    await at.page.waitForSelector(`#alerts li[data-request="${missed.requestId}"]`);
    await shows(newest);
    assert.equal(await at.page.locator('#alerts li').count(), 2);
    assert.equal(await text('[data-camera="north"] .badge'), 'LOW');
    assert.ok(!(await text('#notices')).includes('missed'), 'nothing was');
  });

  it('says that frames were missed when the server knows its place no more, and still shows the alerts', async () => {
    at.world.add('north');
    at.server.feed.begin('e', 0);
    await open();
    const frame = aggregate('north', { risk: 'high' });
    at.server.feed.use({
      after: async () => [],
      alerts: async (from) => ('time' in from ? [{ aggregate: frame, seq: 1, storedAt: Date.now() }] : []),
    });
    at.server.feed.begin('another', 7);
    for (const socket of at.server.app.websocketServer.clients) socket.terminate();
    await until('the notice', async () => /frames were missed[^]*Every alert since/u.test(await text('#notices')));
    await at.page.waitForSelector(`#alerts li[data-request="${frame.requestId}"]`);
    at.server.feed.publish({
      ...frame,
      revision: 1,
      riskAssessment: {
        ...frame.riskAssessment,
        results: [{ ...frame.riskAssessment.results[0]!, description: 'A better judgement' }],
      },
    });
    await until('the better judgement', async () => /A better judgement/u.test(await text('#alerts')));
    assert.equal(await at.page.locator('#alerts li').count(), 1);
  });
});
