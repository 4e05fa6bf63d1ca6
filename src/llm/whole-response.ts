import type { IncomingMessage } from 'node:http';

const decoder = new TextDecoder();

/**
 * A `Response` whose body has come whole. The platform's own wraps a body in a stream and checks every value on the way,
 * which takes as long as sending the request does.
 */
export class WholeResponse implements Response {
  readonly headers = new Headers();
  readonly status: number;
  readonly statusText: string;
  readonly url: string;
  readonly redirected = false;
  readonly type = 'default';
  /** There is no stream of it: `text` and its like have everything. */
  readonly body = null;
  readonly #bytes: Buffer;
  readonly #message: IncomingMessage;
  #used = false;

  constructor(bytes: Buffer, message: IncomingMessage, url: string) {
    const { rawHeaders, statusCode = 0, statusMessage = '' } = message;
    for (let index = 0; index + 1 < rawHeaders.length; index += 2) this.headers.append(rawHeaders[index] ?? '', rawHeaders[index + 1] ?? '');
    this.status = statusCode;
    this.statusText = statusMessage;
    this.url = url;
    this.#bytes = bytes;
    this.#message = message;
  }

  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  get bodyUsed(): boolean {
    return this.#used;
  }

  clone(): WholeResponse {
    if (this.#used) throw new TypeError('the body was read already');
    return new WholeResponse(this.#bytes, this.#message, this.url);
  }

  async text(): Promise<string> {
    return decoder.decode(this.#take());
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return Uint8Array.from(this.#take());
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return (await this.bytes()).buffer;
  }

  async blob(): Promise<Blob> {
    return new Blob([await this.bytes()], { type: this.headers.get('content-type') ?? '' });
  }

  async formData(): Promise<FormData> {
    return new Response(await this.bytes(), { headers: this.headers }).formData();
  }

  /** A body can be read once, as that of any response. */
  #take(): Buffer {
    if (this.#used) throw new TypeError('the body was read already');
    this.#used = true;
    return this.#bytes;
  }
}
