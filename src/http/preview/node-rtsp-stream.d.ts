/** The part of node-rtsp-stream that is used: one ffmpeg that turns any input into MPEG-1 in MPEG-TS. */
declare module 'node-rtsp-stream/mpeg1muxer.js' {
  import type { ChildProcessWithoutNullStreams } from 'node:child_process';
  import type { EventEmitter } from 'node:events';

  class Mpeg1Muxer extends EventEmitter<{ mpeg1data: [Buffer]; ffmpegStderr: [Buffer]; exitWithError: [] }> {
    constructor(options: {
      readonly url: string;
      readonly ffmpegPath: string;
      /** Output options: a flag and its value, an empty one for none. */
      readonly ffmpegOptions?: Readonly<Record<string, string | number>>;
    });
    readonly stream: ChildProcessWithoutNullStreams;
  }
  export default Mpeg1Muxer;
}
