import { connect, createServer, type Server } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { EmbeddedError } from './service.ts';

const MAX_ANSWER = 65_536;

/** Listens, for port 0 on any free one, and returns the port. Rejects `NO_FREE_PORT`; `what` begins the message. */
export function listen(server: Server, host: string, port: number, what: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => {
      const message = `${what} cannot listen on ${host}:${port}: ${error.message}`;
      reject(new EmbeddedError('NO_FREE_PORT', message, { host, port }, error));
    };
    server.once('error', onError);
    server.listen(port, host, () => {
      server.off('error', onError);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

/** A free port. Another program may bind it before the caller does. */
export async function freePort(host: string): Promise<number> {
  const server = createServer();
  const port = await listen(server, host, 0, 'the search for a free port');
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export interface Exchange {
  readonly host: string;
  readonly port: number;
  /** Sent on connecting; may be empty. */
  readonly send: string;
  /** Whether the bytes received so far, as Latin-1, are the awaited answer. */
  readonly isReady: (received: string) => boolean;
}

/** Repeats the exchange every 25 ms until the answer is right. Rejects with the reason of `signal`. */
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
    socket.on('error', () => finish(false)); // it does not listen yet
    socket.on('close', () => finish(false));
    socket.on('connect', () => socket.write(exchange.send));
    socket.on('data', (chunk: string) => {
      received = (received + chunk).slice(-MAX_ANSWER);
      if (exchange.isReady(received)) finish(true);
    });
  });
}

/**
 * Runs `start` with `port`, or for 0 with a free one. Another program may bind a free port first: then the next one is
 * tried, three in all.
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
