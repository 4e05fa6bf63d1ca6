import { openDecoders } from '../decoding/decoders.ts';
import { jpegParts } from '../ingest/live-tap.ts';
import { openRtsp } from '../rtsp/session.ts';
import { muxMp4 } from '../video/mp4-clip.ts';
import { TsMuxer } from '../video/ts-muxer.ts';
import { ingestAt } from './ingest-at.ts';

export type { IngestInit } from './ingest-at.ts';

/** Reads all cameras of this node, in a thread of its own, with decoders in processes of their own. */
export const ingestActor = ingestAt(
  (ctx, { decoders }) => ({
    openRtsp,
    muxMp4,
    muxer: (codec) => (codec === 'mjpeg' ? jpegParts : new TsMuxer(codec)),
    decoders: openDecoders({
      count: decoders,
      clock: ctx.clock,
      log: ctx.log,
      onProcess: (event, pid) => (event === 'began' ? ctx.ownProcess(pid) : ctx.disownProcess(pid)),
    }),
  }),
  { url: import.meta.url, name: 'ingestActor' },
);
