import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { saidBody } from './answers.ts';
import { Behaviours } from './behaviours.ts';
import { isFault, sendFault, sendWrapped } from './faults.ts';
import { simulateAnswer } from './simulated-answer.ts';
import { type KnownKey, Keyring } from './keyring.ts';
import { hashText, logNormalMs, seededRandom } from './random.ts';
import { CallRecord } from './arrival-record.ts';
import { completionBody, modelText, preciseNow, sendError, sendJson } from './reply.ts';
import { BadRequest, type ReadChatRequest, readChatRequest, textOf, wantsWrapper } from './request.ts';
import type { Behaviour, ProviderSimulator, RecordedCall, SimulatorOptions } from './simulator.types.ts';
import { pictureTokens, textTokens } from './token-count.ts';

const LARGEST_BODY = 12 * 1024 * 1024;
const TRACE = /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/;

/**
 * Starts an OpenAI-compatible provider that enforces its keys' limits in strict sliding windows by arrival time,
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
  /** Ends each pause under way. */
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
    const known = this.#keys.find(request.headers.authorization);
    const key = known?.revoked === false ? known : null;
    const route = `${request.method} ${request.url}`;
    if (route === 'GET /v1/models') this.#sendModels(response, key);
    else if (route !== 'POST /v1/chat/completions') sendError(response, 404, 'not_found', 'There is no such route.');
    else await this.#complete({ at, known, key, request, response });
  }

  #sendModels(response: ServerResponse, key: KnownKey | null): void {
    if (key === null) sendBadKey(response);
    else
      sendJson(response, 200, {
        object: 'list',
        data: [{ id: this.#model, object: 'model', created: 0, owned_by: 'simulator' }],
      });
  }

  /** Records a call for a completion, holds it against the limits, and answers it. */
  async #complete({ at, known, key, request, response }: Arrived): Promise<void> {
    const traceId = TRACE.exec(String(request.headers['traceparent'] ?? ''))?.[1] ?? null;
    if (this.#options.timingHeaders !== false) response.setHeader('req-arrive-time', String(Math.floor(at)));
    const note = this.#record.add({ at, key: known?.name ?? '?', budget: known?.budget.name ?? '?', traceId });
    // Limits count by arrival, before the body is read.
    const wait = key === null ? 0 : this.#countArrival(key, at);
    if (key !== null)
      for (const [name, value] of Object.entries(key.limiter.headers(at))) response.setHeader(name, value);
    const body = await readBody(request, LARGEST_BODY);
    note({ bytes: body?.length ?? 0 });
    const status = await this.#reply({ key, at, wait, body, response, onUse: note });
    note(status === 0 ? { status } : { status, ms: preciseNow() - at });
  }

  /** Milliseconds that the call limits require this one to wait; 0 when it is accepted, and counted. */
  #countArrival({ limiter }: KnownKey, at: number): number {
    const wait = limiter.waitMs(at);
    if (wait === 0 || this.#options.countRejected === true) limiter.count(at);
    return wait;
  }

  /** As `#countArrival`, for the token limit. */
  #countTokens({ tokens: limiter }: KnownKey, at: number, tokens: number): number {
    const wait = limiter?.waitMs(at, tokens) ?? 0;
    if (wait === 0 || this.#options.countRejected === true) limiter?.count(at, tokens);
    return wait;
  }

  /** Sends the reply to a call; resolves to its status, 0 for none. */
  async #reply({ key, at, wait, body, response, onUse }: ReadCall): Promise<number> {
    // It may have been revoked while the body was read.
    if (key === null || key.revoked) return sendBadKey(response);
    if (wait > 0) return sendLimited(response, key.budget.name, wait);
    if (body === null) return sendError(response, 413, 'request_too_large', 'The body is too large.');
    const read = await readChatRequest(body).catch(badRequestOnly);
    if (read instanceof BadRequest) return sendError(response, 400, 'invalid_request', read.message, {}, read.param);
    const { chat } = read;
    if (chat.model !== this.#model && this.#options.otherModels?.includes(chat.model) !== true)
      return sendError(response, 404, 'model_not_found', `The model ${chat.model} does not exist.`, {}, 'model');
    return this.#answer({ key, at, read, response, onUse });
  }

  /** Answers a request that was let in, or refuses it as a behaviour says. Resolves as {@link #reply}. */
  async #answer({ key, at, read, response, onUse }: LetIn): Promise<number> {
    const { chat, pictures } = read;
    const behaviour = this.#behaviours.next(key.name);
    const fault = behaviour !== null && isFault(behaviour.kind) ? behaviour.kind : null;
    const refused = fault === null ? null : sendFault(response, fault, chat);
    if (refused !== null) return refused;
    const prompt = textOf(chat);
    const answer = this.#options.answerTo?.(chat) ?? simulateAnswer(prompt, this.#seed ^ hashText(chat.model));
    const text = modelText(answer, behaviour?.kind ?? null, wantsWrapper(chat));
    const promptTokens = pictures.reduce((sum, size) => sum + pictureTokens(size), textTokens(prompt));
    const tokens = promptTokens + textTokens(text ?? '');
    onUse({ tokens, promptTokens, pictures: pictures.length, model: chat.model });
    const tokensWait = this.#countTokens(key, at, tokens);
    if (tokensWait > 0) return sendLimited(response, key.budget.name, tokensWait);
    if (behaviour?.kind === 'no-formats' && chat.response_format !== undefined)
      return sendNoFormat(response, chat.response_format.type);
    if (!(await this.#think(behaviour, response))) return 0;
    const completion = completionBody({ id: this.#calls + 1, model: chat.model, text, promptTokens });
    if (sendWrapped(response, fault, chat, completion, answer)) {
      this.#calls += 1;
      return 200;
    }
    return this.#send(response, behaviour, completion);
  }

  /** Waits as long as an answer takes. False as {@link #pause}. */
  async #think(behaviour: Behaviour | null, response: ServerResponse): Promise<boolean> {
    const ms = behaviour?.kind === 'slow' ? behaviour.ms : this.#latencyMs();
    return ms <= 0 || this.#pause(ms, response);
  }

  #latencyMs(): number {
    const { latency = { medianMs: 0, p95Ms: 0 } } = this.#options;
    return 'leastMs' in latency
      ? latency.leastMs + (latency.mostMs - latency.leastMs) * this.#random()
      : logNormalMs(this.#random, latency.medianMs, latency.p95Ms);
  }

  /** Sends the completion, or the behaviour's reply in its place. Returns the status, 0 for none. */
  #send(response: ServerResponse, behaviour: Behaviour | null, completion: object): number {
    const instead = behaviour === null ? null : sendInstead(response, behaviour, this.#model);
    if (instead !== null) return instead;
    this.#calls += 1;
    if (behaviour?.kind === 'hang-body') return sendHalf(response, JSON.stringify(completion));
    sendJson(response, 200, completion);
    return 200;
  }

  /** Waits `ms`. False when the caller disconnects, or the simulator closes, meanwhile. */
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

/** A call for a completion, before its body is read. */
interface Arrived {
  /** Epoch ms with fractions. */
  readonly at: number;
  /** The key it names, revoked or not. */
  readonly known: KnownKey | undefined;
  /** The same when it may be used. */
  readonly key: KnownKey | null;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

interface ReadCall extends Pick<Arrived, 'at' | 'key' | 'response'> {
  /** Milliseconds that the limits of calls want it to wait; 0 when it is let in. */
  readonly wait: number;
  /** Null when it is too large. */
  readonly body: Buffer | null;
  /** Told of the request's pictures and tokens. */
  readonly onUse: (used: Pick<RecordedCall, 'tokens' | 'promptTokens' | 'pictures' | 'model'>) => void;
}

/** A call that the limits of calls let in. */
interface LetIn extends Pick<ReadCall, 'at' | 'response' | 'onUse'> {
  readonly key: KnownKey;
  readonly read: ReadChatRequest;
}

const badRequestOnly = (thrown: unknown): BadRequest => {
  if (thrown instanceof BadRequest) return thrown;
  throw thrown;
};

const sendBadKey = (response: ServerResponse): number =>
  sendError(response, 401, 'invalid_api_key', 'Incorrect API key provided.');

function sendNoFormat(response: ServerResponse, type: string): number {
  const message = `response_format of type ${type} is not supported by this model.`;
  return sendError(response, 400, 'unsupported', message, {}, 'response_format');
}

/** The reply of behaviours that send no completion; null for all others. */
function sendInstead(response: ServerResponse, behaviour: Behaviour, model: string): number | null {
  if (behaviour.kind === 'hang') return 0;
  if (behaviour.kind === 'drop') {
    response.destroy();
    return 0;
  }
  if (behaviour.kind === 'status') {
    const { status, message = 'Simulated error.', retryAfter } = behaviour;
    return sendError(
      response,
      status,
      'simulated',
      message,
      retryAfter === undefined ? {} : { 'retry-after': retryAfter },
    );
  }
  if (behaviour.kind === 'says') {
    sendJson(response, 200, saidBody(behaviour.answer, model));
    return 200;
  }
  if (behaviour.kind === 'sends') return sendText(response, behaviour.body);
  return behaviour.kind === 'broken-json' ? sendText(response, '{"id": "chatcmpl-sim", "choices": [') : null;
}

/** 200 with this body as it is. */
function sendText(response: ServerResponse, body: string): number {
  response.writeHead(200, { 'content-type': 'application/json' }).end(body);
  return 200;
}

/** The headers of the whole body and its first half, then silence. */
function sendHalf(response: ServerResponse, whole: string): number {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(whole) });
  response.write(whole.slice(0, Math.floor(whole.length / 2)));
  return 200;
}

/** 429. A call larger than the whole limit is told to wait an hour. */
function sendLimited(response: ServerResponse, budget: string, waitMs: number): number {
  const ms = Math.ceil(Math.min(waitMs, 3_600_000));
  return sendError(response, 429, 'rate_limit_exceeded', `Rate limit reached for ${budget}.`, {
    'retry-after': String(Math.ceil(ms / 1000)),
    'retry-after-ms': String(ms),
  });
}

/** The body; null when it is too large (the rest is read and dropped). Rejects when the caller disconnects. */
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
      if (!request.complete) reject(new Error('the caller disconnected during its request'));
    });
  });
}
