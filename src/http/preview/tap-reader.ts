import { connect } from 'node:net';
import type { StartVideo } from './preview-encoder.ts';

const SCHEME = 'unix:';

/** Reads a camera's stream, as it came, from its socket file. */
export const tapReader: StartVideo = (source, events) => {
  let why = 'the camera ended its stream';
  const socket = connect(source.startsWith(SCHEME) ? source.slice(SCHEME.length) : source);
  socket.on('data', (data) => events.onData(data));
  socket.on('error', (error) => (why = `its stream cannot be read: ${error.message}`));
  socket.on('close', () => events.onEnd(why));
  return { size: () => null, stop: () => socket.destroy() };
};
