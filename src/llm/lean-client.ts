import OpenAI from 'openai';
import type { Exchange, Incoming, Outgoing } from './exchange.ts';

const USER_AGENT = 'Gantry';
const PATH = '/chat/completions';
/** The library's way to say that there are none; it hands them to nobody. */
const NO_HEADERS = new Headers();

export interface LeanClientOptions {
  readonly apiKey: string;
  readonly baseUrl: string;
  readonly exchange: Exchange;
}

/** What is posted, less what the client itself adds. Its signal is the only time-out. */
export type Post = Omit<Outgoing, 'url'>;

/**
 * The library's client with the few headers a provider needs, and with bodies and answers that are there whole. Its own
 * builder puts together fourteen headers for each request, in several rounds, and tells the provider about this machine.
 * What an answer's status means, and which error it makes, is left to the library.
 */
export class LeanClient extends OpenAI {
  readonly #exchange: Exchange;
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;
  /** What goes out, by its body: the library hands on nothing else of ours. */
  readonly #underWay = new WeakMap<object, Outgoing>();

  constructor({ apiKey, baseUrl, exchange }: LeanClientOptions) {
    super({ apiKey, baseURL: baseUrl, maxRetries: 0, logLevel: 'off', organization: null, project: null });
    this.#exchange = exchange;
    this.#url = this.buildURL(PATH, null);
    this.#headers = { accept: 'application/json', authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', 'user-agent': USER_AGENT };
  }

  /** The answer, when its status is 2xx; rejects with the library's errors. */
  complete(post: Post): Promise<Response> {
    this.#underWay.set(post.body, { ...post, url: this.#url, headers: { ...this.#headers, ...post.headers } });
    return this.post(PATH, { body: post.body }).asResponse();
  }

  override async buildRequest({ body }: Parameters<OpenAI['buildRequest']>[0]): ReturnType<OpenAI['buildRequest']> {
    if (!(body instanceof Uint8Array)) throw new TypeError('a request needs a body of bytes');
    // Nobody looks at this time-out: it would be for the library's own sending.
    return { req: { method: 'POST', headers: NO_HEADERS, body }, url: this.#url, timeout: 0 };
  }

  override async fetchWithTimeout(_url: unknown, init: RequestInit | undefined): Promise<Response> {
    const outgoing = init?.body instanceof Uint8Array ? this.#underWay.get(init.body) : undefined;
    if (outgoing === undefined) throw new TypeError('only what is completed is sent');
    return responseOf(await this.#exchange(outgoing));
  }
}

/** Errors become a response of the platform, which the library and others look into. */
function responseOf({ status, headers, body }: Incoming): Response {
  if (status >= 200 && status < 300) return new WholeAnswer(status, headers, body) as Pick<Response, keyof WholeAnswer> as Response;
  const all = Object.entries(headers).flatMap(([name, value]) => [value ?? []].flat().map((each): [string, string] => [name, each]));
  // Of a 304 the platform's constructor takes no body, not even an empty one.
  return new Response(status === 304 ? null : new Uint8Array(body), { status, headers: all });
}

/**
 * What the library reads of a good answer. The platform's own `Response` and `Headers` cost a twentieth of a call, and put
 * a stream around bytes only to read it again.
 */
class WholeAnswer {
  readonly ok = true;
  /** The library writes it into log lines, which nobody gets. */
  readonly url = '';
  readonly body = null;
  readonly status: number;
  readonly headers: Headers;
  readonly #bytes: Buffer;

  constructor(status: number, headers: Incoming['headers'], bytes: Buffer) {
    this.status = status;
    this.headers = new WholeHeaders(headers) as Pick<Headers, keyof WholeHeaders> as Headers;
    this.#bytes = bytes;
  }

  async text(): Promise<string> {
    return this.#bytes.toString('utf8');
  }
}

class WholeHeaders {
  readonly #headers: Incoming['headers'];

  constructor(headers: Incoming['headers']) {
    this.#headers = headers;
  }

  get(name: string): string | null {
    const value = this.#headers[name.toLowerCase()];
    return value === undefined ? null : typeof value === 'string' ? value : value.join(', ');
  }

  * entries(): Generator<[string, string]> {
    for (const name of Object.keys(this.#headers)) yield [name, this.get(name) ?? ''];
  }
}
