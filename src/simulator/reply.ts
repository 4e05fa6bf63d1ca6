import type { ServerResponse } from 'node:http';
import type { SimulatedAnswer } from './simulated-answer.ts';
import type { Behaviour } from './simulator.types.ts';
import { textTokens } from './token-count.ts';

/** Epoch ms with fractions, never set back. */
export const preciseNow = (): number => performance.timeOrigin + performance.now();

/** Sends an error as OpenAI-compatible providers do. Returns the status. */
export function sendError(
  response: ServerResponse,
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
  param: string | null = null,
): number {
  const type =
    status === 429
      ? 'rate_limit_error'
      : status === 401
        ? 'authentication_error'
        : status >= 500
          ? 'server_error'
          : 'invalid_request_error';
  sendJson(response, status, { error: { message, type, param, code } }, headers);
  return status;
}

/** Sends a body as JSON, with the processing time when the time of arrival is among the headers. */
export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const text = JSON.stringify(body);
  const arrived = Number(response.getHeader('req-arrive-time') ?? Number.NaN);
  // The arrival was rounded down, so take a millisecond off: never report more than was spent.
  if (!Number.isNaN(arrived))
    response.setHeader('req-cost-time', String(Math.max(0, Math.floor(preciseNow() - arrived - 1))));
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text);
}

/** The text of the model's answer, distorted by the behaviour; null for none. */
export function modelText(answer: SimulatedAnswer, kind: Behaviour['kind'] | null, wrapper: boolean): string | null {
  const good = wrapper ? wrapped(answer) : JSON.stringify(answer);
  if (kind === null) return good;
  const distorted: Partial<Record<Behaviour['kind'], string | null>> = {
    malformed: good.slice(0, Math.floor(good.length / 2)),
    empty: '',
    refusal: null,
    prose: `Looking at the picture {one moment}, my judgement is:\n${good}\nLet me know if you need more.`,
    fenced: `\`\`\`json\n${good}\n\`\`\``,
    wrapper: wrapped(answer),
    'odd-level': JSON.stringify({ ...answer, riskLevel: 'severe-ish' }),
  };
  const text = distorted[kind];
  return text === undefined ? good : text;
}

/** The answer in a list of results. */
const wrapped = (answer: SimulatedAnswer): string =>
  JSON.stringify({
    hasDangerousDriving: answer.riskLevel === 'medium' || answer.riskLevel === 'high',
    maxRiskLevel: answer.riskLevel,
    results: answer.riskLevel === 'none' ? [] : [{ groupIndex: 1, ...answer }],
  });

export interface Completion {
  readonly id: number;
  readonly model: string;
  readonly text: string | null;
  readonly promptTokens: number;
}

/** A chat completion. */
export function completionBody({ id, model, text, promptTokens }: Completion): object {
  const completionTokens = textTokens(text ?? '');
  return {
    id: `chatcmpl-sim-${id}`,
    object: 'chat.completion',
    created: Math.floor(Date.now() / 1000),
    model,
    choices: [
      {
        index: 0,
        finish_reason: 'stop',
        logprobs: null,
        message: { role: 'assistant', content: text, refusal: text === null ? 'I cannot help with that.' : null },
      },
    ],
    usage: {
      prompt_tokens: promptTokens,
      completion_tokens: completionTokens,
      total_tokens: promptTokens + completionTokens,
    },
  };
}
