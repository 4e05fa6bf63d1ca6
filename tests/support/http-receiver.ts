import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';

export interface ReceivedCall {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** An HTTP server that writes down each call, as the receiver of hooks. Start it with {@link startReceiver}. */
export class HttpReceiver {
  readonly calls: ReceivedCall[] = [];
  /** What a path answers; without an entry it is `status` and an empty body. */
  readonly answers = new Map<string, (request: IncomingMessage, response: ServerResponse) => void>();
  status = 204;
  base = '';
  readonly #server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const path = request.url ?? '';
      this.calls.push({ path, headers: request.headers, body: Buffer.concat(chunks).toString() });
      const answer = this.answers.get(path);
      if (answer === undefined) response.writeHead(this.status).end();
      else answer(request, response);
    });
  });

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const address = this.#server.address();
    assert.ok(typeof address === 'object' && address !== null);
    this.base = `http://127.0.0.1:${address.port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

export async function startReceiver(): Promise<HttpReceiver> {
  const receiver = new HttpReceiver();
  await receiver.listen();
  return receiver;
}
