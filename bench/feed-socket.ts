import { once } from 'node:events';
import { WebSocket } from 'ws';

/**
 * Subscribes to the live feed of every camera. The process ends when the connection does.
 *
 * @param url of the server's HTTP side
 * @param onMessage gets each message as text, from the first on
 */
export async function subscribeToFeed(
  url: string,
  onMessage: (text: string) => void,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  const socket = new WebSocket(new URL('/ws', url.replace(/^http/u, 'ws')), { headers });
  socket.on('message', (data: Buffer) => onMessage(data.toString()));
  socket.on('close', (code) => {
    console.error(`the viewer's connection was closed with ${code}`);
    process.exit(1);
  });
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'subscribe' }));
}
