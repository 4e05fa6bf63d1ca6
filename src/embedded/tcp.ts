import { connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { EmbeddedError } from './service.ts';

const MAX_ANSWER = 65_536;

/** A port nobody listens on right now. Another program may take it before it is used. */
export function freePort(host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, host, () => {
      const address = server.address();
      server.close(() => {
        if (typeof address === 'object' && address !== null) resolve(address.port);
        else reject(new EmbeddedError('NO_FREE_PORT', `no free port on ${host}`));
      });
    });
  });
}

export interface Exchange {
  readonly host: string;
  readonly port: number;
  /** Sent on connecting; empty: only listen. */
  readonly send: string;
  /** Whether what has been received so far is the answer waited for. */
  readonly isReady: (received: string) => boolean;
}

/** Asks again every 25 ms until the answer fits; rejects with the signal's reason when it is aborted first. */
export async function untilAnswers(exchange: Exchange, signal: AbortSignal): Promise<void> {
  while (!(await answers(exchange, signal))) await delay(25, undefined, { signal });
}

function answers(exchange: Exchange, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    let received = '';
    const socket = connect({ host: exchange.host, port: exchange.port });
    const finish = (ready: boolean): void => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      resolve(ready);
    };
    const onAbort = (): void => finish(false);
    signal.addEventListener('abort', onAbort, { once: true });
    socket.setEncoding('latin1');
    socket.setTimeout(1000, () => finish(false));
    socket.on('error', () => finish(false)); // nobody listens yet: asked again
    socket.on('close', () => finish(false));
    socket.on('connect', () => socket.write(exchange.send));
    socket.on('data', (chunk: string) => {
      received = (received + chunk).slice(-MAX_ANSWER);
      if (exchange.isReady(received)) finish(true);
    });
  });
}

/**
 * Runs `start` on the port asked for; for port 0 on free ones, up to three, as another program may take a free port
 * first. Only a start that found its port taken is tried again.
 */
export async function onFreePort<T>(host: string, port: number, start: (port: number) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(port === 0 ? await freePort(host) : port);
    } catch (error) {
      const taken = error instanceof Error && /address already in use/i.test(error.message);
      if (port !== 0 || !taken || attempt === 3) throw error;
    }
  }
}
