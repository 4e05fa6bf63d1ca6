import type { z } from 'zod';
import { readRuntimeFile } from '../app/runtime-file.ts';
import { ErrorBody } from '../http/errors/http-error.ts';
import { secretFromEnv } from '../keys/env-secret.ts';
import { asError } from '../runtime/errors.ts';
import { CommandError, UsageError } from './command-errors.ts';
import { dataFolderOf } from './chosen-data-folder.ts';

const ANSWER_MS = 10_000;

export interface ApiRequest {
  readonly path: string;
  /** With one it is a POST, of this as JSON. */
  readonly body?: object;
}

/**
 * The answer of the Gantry on this data folder to a request of its HTTP API, with GANTRY_TOKEN. Rejects `NOT_RUNNING`,
 * `NOT_REACHABLE` (also after 10 s, or when the answer is none of its kind), `NOT_FOUND` or `REFUSED`.
 */
export async function askGantry<T>(dataDir: string | undefined, answer: z.ZodType<T>, request: ApiRequest): Promise<T> {
  const token = secretFromEnv(process.env, 'GANTRY_TOKEN');
  if ('problem' in token) throw new UsageError(token.problem);
  const folder = dataFolderOf(dataDir);
  const running = await readRuntimeFile(folder);
  if (running === null) throw new CommandError('NOT_RUNNING', `no Gantry runs on ${folder}: start one with npm start`);
  const reply = await send(running.httpUrl, token.secret, request);
  if (!reply.ok) throw refusalOf(reply);
  const read = answer.safeParse(reply.json);
  if (read.success) return read.data;
  throw new CommandError('NOT_REACHABLE', `${running.httpUrl}: the answer is none of this version`, read.error);
}

interface Reply {
  readonly ok: boolean;
  readonly status: number;
  readonly json: unknown;
}

async function send(httpUrl: string, token: string | null, { path, body }: ApiRequest): Promise<Reply> {
  try {
    const reply = await fetch(new URL(path, httpUrl), {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: body === undefined ? null : JSON.stringify(body),
      redirect: 'error',
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    return { ok: reply.ok, status: reply.status, json: await reply.json() };
  } catch (thrown) {
    const error = asError(thrown);
    // fetch says "fetch failed"; its cause says why.
    const why = error.cause instanceof Error ? error.cause.message : error.message;
    throw new CommandError('NOT_REACHABLE', `${httpUrl} does not answer: ${why}`, thrown);
  }
}

function refusalOf({ status, json }: Reply): CommandError {
  const body = ErrorBody.safeParse(json);
  const text = body.success ? `${body.data.code}: ${body.data.message}` : `status ${status}`;
  if (status === 404) return new CommandError('NOT_FOUND', text);
  return new CommandError('REFUSED', status === 401 ? `${text} (GANTRY_TOKEN?)` : text);
}
