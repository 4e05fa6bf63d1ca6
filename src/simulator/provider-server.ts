import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { saidBody } from './answers.ts';
import { Behaviours } from './behaviours.ts';
import { isFault, sendFault, sendWrapped } from './faults.ts';
import { judge } from './simulated-answer.ts';
import { type HeldKey, Keyring } from './keyring.ts';
import { hashText, logNormalMs, seededRandom } from './random.ts';
import { CallRecord } from './arrival-record.ts';
import { type Completion, completionBody, modelText, preciseNow, sendError, sendJson, usedTokens } from './reply.ts';
import { BadRequest, readChatRequest, textOf, wantsWrapper, type ChatRequest } from './request.ts';
import type { Behaviour, ProviderSimulator, SimulatorOptions } from './simulator.types.ts';

const LARGEST_BODY = 12 * 1024 * 1024;
const TRACE = /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/;

/**
 * Starts an OpenAI-compatible provider that enforces the limits of its keys in strict sliding windows by arrival time,
 * misbehaves on demand, and records every call. Rejects when the port is taken.
 */
export async function startProviderSimulator(options: SimulatorOptions): Promise<ProviderSimulator> {
  const simulator = new Simulator(options);
  return simulator.listen(options.host ?? '127.0.0.1', options.port ?? 0);
}

class Simulator {
  readonly #options: SimulatorOptions;
  readonly #model: string;
  readonly #seed: number;
  readonly #random: () => number;
  readonly #keys: Keyring;
  readonly #record = new CallRecord();
  readonly #behaviours: Behaviours;
  readonly #server: Server;
  /** What ends the pauses under way. */
  readonly #pauses = new Set<() => void>();
  #calls = 0;
  #connections = 0;

  constructor(options: SimulatorOptions) {
    this.#options = options;
    this.#model = options.model ?? 'sim-vl';
    this.#seed = options.seed ?? 1;
    this.#random = seededRandom(this.#seed);
    this.#behaviours = new Behaviours(this.#random);
    this.#keys = new Keyring(options.keys);
    this.#server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
      this.#arrive(request, response).catch((error: unknown) => {
        options.log?.({ err: error }, 'the simulator failed on a request');
        response.destroy();
      });
    });
    this.#server.on('connection', () => this.#connections++);
  }

  async listen(host: string, port: number): Promise<ProviderSimulator> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, resolve);
    });
    const bound = this.#server.address();
    const actual = typeof bound === 'object' && bound !== null ? bound.port : port;
    const url = `http://${host.includes(':') ? `[${host}]` : host}:${actual}/v1`;
    return {
      url,
      port: actual,
      model: this.#model,
      revoke: (name) => this.#keys.setRevoked(name, true),
      restore: (name) => this.#keys.setRevoked(name, false),
      setBehaviour: (behaviour, more) => this.#behaviours.add(behaviour, more),
      clearBehaviours: () => this.#behaviours.clear(),
      calls: () => this.#record.calls(),
      violations: () => this.#record.violations(this.#keys.budgets()),
      connections: () => this.#connections,
      keyEntries: () => this.#keys.entries(url, this.#model),
      close: () => this.#close(),
    };
  }

  async #close(): Promise<void> {
    for (const end of this.#pauses) end();
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    this.#server.closeAllConnections();
    await closed;
  }

  async #arrive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { jitterMs = 0 } = this.#options;
    if (jitterMs > 0 && !(await this.#pause(this.#random() * jitterMs, response))) return;
    await this.#serve(preciseNow(), request, response);
  }

  async #serve(at: number, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const key = this.#keys.find(request.headers.authorization);
    if (request.method === 'GET' && request.url === '/v1/models') {
      if (key === undefined || key.revoked)
        return void sendError(response, 401, 'invalid_api_key', 'Incorrect API key provided.');
      return sendJson(response, 200, {
        object: 'list',
        data: [{ id: this.#model, object: 'model', created: 0, owned_by: 'simulator' }],
      });
    }
    if (request.method !== 'POST' || request.url !== '/v1/chat/completions')
      return void sendError(response, 404, 'not_found', 'There is no such route.');
    const traceId = TRACE.exec(String(request.headers['traceparent'] ?? ''))?.[1] ?? null;
    if (this.#options.timingHeaders !== false) response.setHeader('req-arrive-time', String(Math.floor(at)));
    const book = this.#record.add({ at, key: key?.name ?? '?', budget: key?.budget.name ?? '?', traceId });
    const end = (status: number): void => book(status === 0 ? { status } : { status, ms: preciseNow() - at });
    // Limits count by arrival, before the body is read.
    const wait = key === undefined || key.revoked ? 0 : key.limiter.waitMs(at);
    if (key !== undefined && !key.revoked && (wait === 0 || this.#options.countRejected === true))
      key.limiter.count(at);
    for (const [name, value] of Object.entries(key === undefined || key.revoked ? {} : key.limiter.headers(at)))
      response.setHeader(name, value);
    const body = await readBody(request, LARGEST_BODY);
    book({ bytes: body?.length ?? 0 });
    if (key === undefined || key.revoked)
      return end(sendError(response, 401, 'invalid_api_key', 'Incorrect API key provided.'));
    if (wait > 0) return end(sendLimited(response, key.budget.name, wait));
    if (body === null) return end(sendError(response, 413, 'request_too_large', 'The body is too large.'));
    end(await this.#answer({ key, at, body, response, onTokens: (tokens) => book({ tokens }) }));
  }

  /** Answers a call that was let in; returns the status, 0 for none. */
  async #answer({ key, at, body, response, onTokens }: LetIn): Promise<number> {
    let chat: ChatRequest;
    try {
      chat = await readChatRequest(body);
    } catch (error) {
      if (error instanceof BadRequest)
        return sendError(response, 400, 'invalid_request', error.message, {}, error.param);
      throw error;
    }
    if (chat.model !== this.#model)
      return sendError(response, 404, 'model_not_found', `The model ${chat.model} does not exist.`, {}, 'model');
    const behaviour = this.#behaviours.next(key.name);
    const fault = behaviour !== null && isFault(behaviour.kind) ? behaviour.kind : null;
    const refused = fault === null ? null : sendFault(response, fault, chat);
    if (refused !== null) return refused;
    const prompt = textOf(chat);
    const text = modelText(
      judge(prompt, this.#seed ^ hashText(this.#model)),
      behaviour?.kind ?? null,
      wantsWrapper(chat),
    );
    const { promptTokens, completionTokens } = usedTokens(prompt.length, text);
    const tokens = promptTokens + completionTokens;
    onTokens(tokens);
    const wait = key.tokens?.waitMs(at, tokens) ?? 0;
    if (wait === 0 || this.#options.countRejected === true) key.tokens?.count(at, tokens);
    if (wait > 0) return sendLimited(response, key.budget.name, wait);
    if (behaviour?.kind === 'no-formats' && chat.response_format !== undefined) {
      return sendError(
        response,
        400,
        'unsupported',
        `response_format of type ${chat.response_format.type} is not supported by this model.`,
        {},
        'response_format',
      );
    }
    const { medianMs, p95Ms } = this.#options.latency ?? { medianMs: 0, p95Ms: 0 };
    const ms = behaviour?.kind === 'slow' ? behaviour.ms : logNormalMs(this.#random, medianMs, p95Ms);
    if (ms > 0 && !(await this.#pause(ms, response))) return 0;
    const answer = judge(prompt, this.#seed ^ hashText(this.#model));
    const completion = completionBody({ id: this.#calls + 1, model: this.#model, text, promptLength: prompt.length });
    if (sendWrapped(response, fault, chat, completion, answer)) {
      this.#calls += 1;
      return 200;
    }
    return this.#send(response, behaviour, { text, promptLength: prompt.length });
  }

  #send(
    response: ServerResponse,
    behaviour: Behaviour | null,
    said: Pick<Completion, 'text' | 'promptLength'>,
  ): number {
    if (behaviour?.kind === 'hang') return 0;
    if (behaviour?.kind === 'says') {
      sendJson(response, 200, saidBody(behaviour.answer, this.#model));
      return 200;
    }
    if (behaviour?.kind === 'sends') {
      response.writeHead(200, { 'content-type': 'application/json' }).end(behaviour.body);
      return 200;
    }
    if (behaviour?.kind === 'drop') {
      response.destroy();
      return 0;
    }
    if (behaviour?.kind === 'status') {
      const headers: Record<string, string> =
        behaviour.retryAfter === undefined ? {} : { 'retry-after': behaviour.retryAfter };
      return sendError(response, behaviour.status, 'simulated', behaviour.message ?? 'Simulated error.', headers);
    }
    if (behaviour?.kind === 'broken-json') {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"id": "chatcmpl-sim", "choices": [');
      return 200;
    }
    const completion = completionBody({ id: ++this.#calls, model: this.#model, ...said });
    if (behaviour?.kind === 'hang-body') {
      const whole = JSON.stringify(completion);
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(whole) });
      response.write(whole.slice(0, Math.floor(whole.length / 2)));
      return 200;
    }
    sendJson(response, 200, completion);
    return 200;
  }

  /** False when the caller went away, or the simulator closed, meanwhile. */
  #pause(ms: number, response: ServerResponse): Promise<boolean> {
    return new Promise((resolve) => {
      const finish = (stillThere: boolean): void => {
        clearTimeout(timer);
        response.off('close', gone);
        this.#pauses.delete(gone);
        resolve(stillThere);
      };
      const gone = (): void => finish(false);
      const timer = setTimeout(() => finish(true), ms);
      response.once('close', gone);
      this.#pauses.add(gone);
    });
  }
}

/** A call that the limits of calls let in. */
interface LetIn {
  readonly key: HeldKey;
  readonly at: number;
  readonly body: Buffer;
  readonly response: ServerResponse;
  readonly onTokens: (tokens: number) => void;
}

/** 429. A call that is too large for the limit as a whole is told to wait an hour. */
function sendLimited(response: ServerResponse, budget: string, waitMs: number): number {
  const ms = Math.ceil(Math.min(waitMs, 3_600_000));
  return sendError(response, 429, 'rate_limit_exceeded', `Rate limit reached for ${budget}.`, {
    'retry-after': String(Math.ceil(ms / 1000)),
    'retry-after-ms': String(ms),
  });
}

/** The body; null when it is larger than allowed (the rest is read and thrown away). Rejects when the caller goes away. */
function readBody(request: IncomingMessage, largest: number): Promise<Buffer | null> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= largest) chunks.push(chunk);
    });
    request.once('end', () => resolve(size > largest ? null : Buffer.concat(chunks)));
    request.once('error', reject);
    request.once('close', () => {
      if (!request.complete) reject(new Error('the caller went away within its request'));
    });
  });
}
