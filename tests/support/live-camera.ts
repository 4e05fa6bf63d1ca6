import { jpegParts, LiveTap } from '../../src/ingest/live-tap.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import type { AccessUnit } from '../../src/video/access-unit.ts';
import { TsMuxer } from '../../src/video/ts-muxer.ts';
import { film, type FilmSpec } from './film.ts';

export interface LiveCamera {
  /** Connections to its socket file. */
  readonly readers: number;
  stop(): Promise<void>;
}

/** Shows a short film over and over at a socket file, as the ingest shows a camera's stream. */
export async function liveCamera(path: string, spec: FilmSpec = {}): Promise<LiveCamera> {
  const { codec, fps, units } = await film(spec);
  let since: AccessUnit[] = [];
  const tap = await LiveTap.open(path, {
    clock: systemClock,
    begin: () => since,
    muxer: (of) => (of === 'mjpeg' ? jpegParts : new TsMuxer(of)),
  });
  let count = 0;
  const timer = setInterval(() => {
    const shown = units[count % units.length];
    if (shown === undefined) return;
    const unit = { codec, ...shown, at: Date.now(), pts: Math.round((count * 90_000) / fps) };
    count += 1;
    since = unit.isKey ? [unit] : [...since, unit];
    tap.push(unit);
  }, 1_000 / fps);
  return {
    get readers() {
      return tap.readers;
    },
    stop: async () => {
      clearInterval(timer);
      await tap.close();
    },
  };
}
