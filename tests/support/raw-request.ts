import { once } from 'node:events';
import { connect } from 'node:net';

export interface RawReply {
  readonly status: number;
  /** Names in lower case; of several of one name the last. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * Sends a request as it is written, which no client library lets one do, and reads until the server closes or sends
 * nothing for 30 s. Lines are joined as HTTP has them; an empty one ends the head. Interim replies (100) are skipped.
 */
export async function rawRequest(base: string, ...lines: readonly string[]): Promise<RawReply> {
  const { port } = new URL(base);
  const socket = connect({ port: Number(port), host: '127.0.0.1', timeout: 30_000 });
  socket.once('timeout', () => socket.destroy(new Error(`no end of the reply to ${lines[0]}`)));
  let text = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
  await once(socket, 'connect');
  socket.write(lines.join('\r\n'));
  await once(socket, 'close');
  const parts = text.split('\r\n\r\n');
  const first = parts.findIndex((part) => !part.startsWith('HTTP/1.1 100'));
  const [status = '', ...fields] = (parts[first] ?? '').split('\r\n');
  const headers = Object.fromEntries(
    fields.map((field) => [
      field.slice(0, field.indexOf(':')).toLowerCase(),
      field.slice(field.indexOf(':') + 1).trim(),
    ]),
  );
  return { status: Number(status.split(' ')[1]), headers, body: parts.slice(first + 1).join('\r\n\r\n') };
}
