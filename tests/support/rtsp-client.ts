import type { TestContext } from 'node:test';
import { openRtsp } from '../../src/rtsp/session.ts';
import type { RtspSession, RtspSessionOptions, RtspStream, SessionEnd } from '../../src/rtsp/rtsp.types.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import type { AccessUnit } from '../../src/video/access-unit.ts';
import { until } from './until.ts';

/** Far more than a busy machine needs. */
const LONG_MS = 30_000;

export interface WatchedSession {
  readonly session: RtspSession;
  /** In order: `playing`, `unit` (the first only), `end`. */
  readonly events: readonly string[];
  readonly streams: readonly RtspStream[];
  readonly units: readonly AccessUnit[];
  readonly ends: readonly SessionEnd[];
  /** Fails when the session ends before. */
  played(units?: number): Promise<void>;
  ended(): Promise<SessionEnd>;
}

/** Opens a session and notes all that it reports. It is stopped when the test ends. */
export function watchSession(t: TestContext, url: string, options: Partial<RtspSessionOptions> = {}): WatchedSession {
  const [events, streams, units, ends]: [string[], RtspStream[], AccessUnit[], SessionEnd[]] = [[], [], [], []];
  const session = openRtsp({
    url,
    allow: null,
    transport: 'auto',
    certificateSha256: null,
    clock: systemClock,
    onPlaying: (stream) => {
      events.push('playing');
      streams.push(stream);
    },
    onUnit: (unit) => {
      if (units.length === 0) events.push('unit');
      units.push(unit);
    },
    onEnd: (end) => {
      events.push('end');
      ends.push(end);
    },
    ...options,
  });
  t.after(() => session.stop());
  return {
    session,
    events,
    streams,
    units,
    ends,
    played: async (wanted = 1) => {
      await until(`${wanted} access units`, () => units.length >= wanted || ends.length > 0, LONG_MS, 5);
      if (ends.length > 0) throw new Error(`the session ended: ${JSON.stringify(ends)}`);
    },
    ended: () => until('the end of the session', () => ends[0], LONG_MS, 5),
  };
}
