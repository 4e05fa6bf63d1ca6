import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { followFeed } from '../../src/app/follow-feed.ts';
import { startNatsServer } from '../../src/embedded/nats-server.ts';
import type { EmbeddedService } from '../../src/embedded/service.ts';
import type { HttpServer } from '../../src/http/server.ts';
import { NatsBus } from '../../src/infra/nats/nats-bus.ts';
import { STREAMS_MB } from '../../src/infra/nats/stream-sizes.ts';
import { ensureTopology } from '../../src/infra/nats/topology.ts';
import type { Aggregate, PushedAggregate } from '../../src/messages/aggregate.ts';
import { streams, subjects } from '../../src/messages/subjects.ts';
import { FakeWorld, fakeServer } from '../support/http-fakes.ts';
import { aggregate } from '../support/http-samples.ts';
import { memoryLog } from '../support/log.ts';
import { ReturningViewer } from '../support/returning-viewer.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const log = memoryLog();

describe('the feed over real NATS', () => {
  let folder = '';
  let nats: EmbeddedService;
  let bus: NatsBus;
  let http: HttpServer | null = null;
  let unfollow = (): void => undefined;
  let port = 0;
  let push: (one: PushedAggregate) => void = () => undefined;
  const viewers: ReturningViewer[] = [];
  const redis = { follow: async (listener: (aggregate: PushedAggregate) => void) => void (push = listener) };

  before(async () => {
    folder = temporaryFolder();
    nats = await startNatsServer({ dataDir: folder, log });
    bus = await NatsBus.open({ url: nats.url, startTimeoutMs: 30_000, log });
  });
  after(async () => {
    await bus.close();
    await nats.stop();
  });
  afterEach(async () => {
    for (const viewer of viewers.splice(0)) viewer.close();
    unfollow();
    await http?.close();
    http = null;
  });

  /** A web server like the one before it, at the same address. */
  const serve = async (): Promise<void> => {
    unfollow();
    await http?.close();
    http = await fakeServer(new FakeWorld().add('a', 'b'));
    unfollow = await followFeed(bus, redis, http.feed, log);
    port = Number(new URL(await http.listen('127.0.0.1', port)).port);
  };
  const comeIn = async (): Promise<ReturningViewer> => {
    const viewer = new ReturningViewer(`ws://127.0.0.1:${port}/ws`);
    viewers.push(viewer);
    await until('connected', () => viewer.connections === 1);
    return viewer;
  };
  /** Stored as the aggregator does, until it is stored; pushed by Redis, except to those who are away. */
  const publish = async (one: Aggregate, pushed = true): Promise<void> => {
    const trace = { traceId: one.traceId, cameraId: one.cameraId, requestId: one.requestId };
    const store = (subject: string) =>
      until('stored', () => bus.publish(subject, one, trace, `${one.requestId}:${one.revision}`).catch(() => null));
    if (one.riskAssessment.maxRiskLevel === 'high') await store(subjects.alert(one.cameraId));
    const { seq } = await store(subjects.aggregate(one.cameraId));
    if (pushed) push({ ...one, offset: seq });
  };

  it('loses no alert for a returning viewer, through cut connections, a killed NATS and a new web server', async () => {
    await serve();
    const viewer = await comeIn();
    const alerts: string[] = [];
    const end = new AbortController();
    const publishing = (async () => {
      for (let index = 0; !end.signal.aborted; index += 1) {
        const one = aggregate(index % 2 === 0 ? 'a' : 'b', { risk: index % 3 === 0 ? 'high' : 'low' });
        if (index % 3 === 0) alerts.push(one.requestId);
        await publish(one, index % 5 !== 0);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    })();
    const happened = (count: number) => until(`${count} alerts`, () => alerts.length >= count);
    for (const count of [10, 20]) {
      await happened(count);
      viewer.cut();
    }
    process.kill(await until('NATS runs', () => nats.pid()), 'SIGKILL');
    viewer.cut();
    await happened(alerts.length + 10);
    await serve();
    await happened(alerts.length + 10);
    process.kill(await until('NATS runs', () => nats.pid()), 'SIGKILL');
    await serve(); // while NATS is away
    const servedAt = Date.now();
    await happened(alerts.length + 10);
    end.abort();
    await publishing;
    await until('all alerts', () => alerts.every((id) => viewer.alerts.has(id)));
    assert.ok(viewer.connections >= 5, `${viewer.connections} connections`);
    const latest = viewer.frames.reduce((newest, frame) => (frame.timestamp > newest.timestamp ? frame : newest));
    assert.ok(Date.parse(latest.timestamp) >= servedAt, 'of the last server');
  });

  it('tells of the gap when the stream was lost, sends the alerts it held, and goes on', async () => {
    await serve();
    const viewer = await comeIn();
    const seen = aggregate('a', { risk: 'high' });
    await publish(seen);
    await until('the first alert', () => viewer.alerts.has(seen.requestId));
    // Before the stream goes: on a busy machine the viewer is back in the new one early.
    const old = viewer.offset;
    viewer.cut();
    const jsm = await bus.link.nc.jetstreamManager();
    const missed = aggregate('a', { risk: 'high' });
    await bus.publish(
      subjects.alert('a'),
      missed,
      { traceId: missed.traceId, cameraId: 'a', requestId: missed.requestId },
      missed.requestId,
    );
    await jsm.streams.delete(streams.aggregates);
    await ensureTopology(bus.link.nc, STREAMS_MB);
    const later = aggregate('a', { risk: 'high' });
    await publish(later, false);
    await until('both alerts', () => viewer.alerts.has(missed.requestId) && viewer.alerts.has(later.requestId));
    await until('the gap', () => viewer.gaps.length > 0);
    await publish(aggregate('a'), false);
    await until(
      'a place in the new stream',
      () => viewer.offset !== null && viewer.offset.split('-')[0] !== old?.split('-')[0],
    );
  });
});
