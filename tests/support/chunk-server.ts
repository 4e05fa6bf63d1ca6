import { createServer, type Server, type Socket } from 'node:net';

/** Serves a stream at a socket file, as the ingest serves a camera's live video: each reader gets the chunks to come. */
export class ChunkServer {
  readonly #server: Server;
  readonly #readers = new Set<Socket>();

  private constructor() {
    this.#server = createServer((socket) => {
      this.#readers.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.#readers.delete(socket));
    });
  }

  static async open(path: string): Promise<ChunkServer> {
    const server = new ChunkServer();
    await new Promise<void>((resolve) => server.#server.listen(path, resolve));
    return server;
  }

  get readers(): number {
    return this.#readers.size;
  }

  push(chunk: Uint8Array): void {
    for (const reader of this.#readers) reader.write(chunk);
  }

  async close(): Promise<void> {
    for (const reader of this.#readers) reader.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
