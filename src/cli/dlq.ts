import { parseArgs } from 'node:util';
import { type DeadLetter, DeadLetterBox, type DeadLetterSummary } from '../infra/nats/dead-letter-box.ts';
import { printable } from '../runtime/printable.ts';
import { numberIn, runCommand, UsageError } from './command-line.ts';
import { withNats } from './running-nats.ts';

const USAGE = `usage: npm run gantry -- dlq list [--stream STREAM] [--limit N] [--json]
       npm run gantry -- dlq show ID [--json]
       npm run gantry -- dlq replay ID...
       npm run gantry -- dlq replay --all [--stream STREAM]

Dead letters: messages that could not be read or failed too often. They are kept for 7 days.
list shows the newest N (default 50), show one of them with its headers and body; replay publishes the original message
again and removes it from the list.

Uses NATS of the Gantry that runs on the data folder (--data-dir DIR), or NATS_URL.`;

const OPTIONS = {
  stream: { type: 'string' },
  limit: { type: 'string' },
  all: { type: 'boolean' },
  json: { type: 'boolean' },
  'data-dir': { type: 'string' },
} as const;
const MOST_LISTED = 100_000;

interface Options {
  readonly request:
    | { readonly verb: 'list'; readonly filter: Filter; readonly limit: number; readonly json: boolean }
    | { readonly verb: 'show'; readonly id: number; readonly json: boolean }
    | { readonly verb: 'replay'; readonly ids: readonly number[] }
    | { readonly verb: 'replay-all'; readonly filter: Filter };
  readonly dataDir: string | undefined;
}
interface Filter {
  readonly stream?: string;
}

/** `gantry dlq ...`. Exit code 0: done; 1: NATS does not answer, or no such dead letter; 2: wrong arguments. */
export const run = (args: string[]): Promise<number> =>
  runCommand('dlq', USAGE, args, readOptions, ({ request, dataDir }) =>
    withNats(dataDir, (link) => answer(new DeadLetterBox(link), request)),
  );

function readOptions(args: string[]): Options {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true });
  return { request: readRequest(values, positionals), dataDir: values['data-dir'] };
}

function readRequest(
  values: { stream?: string; limit?: string; all?: boolean; json?: boolean },
  positionals: readonly string[],
): Options['request'] {
  const [verb, ...named] = positionals;
  const filter = readFilter(values.stream);
  const limit = readLimit(values.limit ?? '50');
  const ids = named.map(readId);
  const json = values.json === true;
  const all = values.all === true;
  const [id] = ids;
  if (verb === 'list' && id === undefined) return { verb, filter, limit, json };
  if (verb === 'show' && id !== undefined && ids.length === 1) return { verb, id, json };
  if (verb === 'replay' && id !== undefined && !all) return { verb, ids };
  if (verb === 'replay' && id === undefined && all) return { verb: 'replay-all', filter };
  throw new UsageError(verb === undefined ? 'list, show or replay?' : `"${positionals.join(' ')}" is not understood`);
}

function readFilter(stream: string | undefined): Filter {
  if (stream === undefined) return {};
  const name = stream.toUpperCase();
  if (!/^[A-Z_]+$/u.test(name)) throw new UsageError(`--stream: "${stream}" is not the name of a stream`);
  return { stream: name };
}

function readLimit(text: string): number {
  const limit = numberIn('--limit', text, 1, MOST_LISTED);
  if (!Number.isInteger(limit)) throw new UsageError(`--limit: must be a whole number, not "${text}"`);
  return limit;
}

function readId(text: string): number {
  const id = Number(text);
  if (Number.isSafeInteger(id) && id >= 1) return id;
  throw new UsageError(`"${text}" is not the id of a dead letter`);
}

async function answer(box: DeadLetterBox, request: Options['request']): Promise<number> {
  switch (request.verb) {
    case 'list':
      return list(box, { ...request.filter, limit: request.limit }, request.json);
    case 'show':
      return show(box, request.id, request.json);
    case 'replay':
      return replay(box, request.ids);
    case 'replay-all': {
      const letters = await box.list({ ...request.filter, limit: MOST_LISTED });
      // Oldest first, so that related messages keep their order.
      return replay(box, letters.map(({ id }) => id).toReversed());
    }
  }
}

async function list(
  box: DeadLetterBox,
  options: { readonly stream?: string; readonly limit: number },
  json: boolean,
): Promise<number> {
  const letters = await box.list(options);
  if (json) console.log(JSON.stringify(letters.map(plain), null, 2));
  else console.log(letters.length === 0 ? 'no dead letters' : table(letters));
  return 0;
}

async function show(box: DeadLetterBox, id: number, json: boolean): Promise<number> {
  const letter = await box.get(id);
  if (letter === null) return gone(id);
  console.log(
    json
      ? JSON.stringify(
          { ...plain(letter), headers: letter.headers, body: readable(letter.body), cut: letter.cut },
          null,
          2,
        )
      : page(letter),
  );
  return 0;
}

async function replay(box: DeadLetterBox, ids: readonly number[]): Promise<number> {
  let missing = 0;
  for (const id of ids) {
    if (await box.replay(id)) console.log(`dead letter ${id} was published again`);
    else missing += gone(id);
  }
  if (ids.length === 0) console.log('no dead letters');
  return missing === 0 ? 0 : 1;
}

function gone(id: number): 1 {
  console.error(`there is no dead letter ${id}`);
  return 1;
}

const plain = ({
  id,
  at,
  stream,
  consumer,
  subject,
  reason,
  deliveries,
  cameraId,
  requestId,
  traceId,
}: DeadLetterSummary) => ({
  id,
  at: new Date(at).toISOString(),
  stream,
  consumer,
  subject,
  reason,
  deliveries,
  cameraId,
  requestId,
  traceId,
});

function table(letters: readonly DeadLetterSummary[]): string {
  const rows = [
    ['id', 'when', 'stream', 'consumer', 'camera', 'request', 'deliveries', 'reason'],
    ...letters.map(({ id, at, stream, consumer, cameraId, requestId, deliveries, reason }) => [
      String(id),
      new Date(at).toISOString(),
      stream,
      consumer,
      cameraId ?? '-',
      requestId ?? '-',
      String(deliveries),
      reason.length > 80 ? `${reason.slice(0, 79)}…` : reason,
    ]),
  ];
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => printable(cell).padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function page(letter: DeadLetter): string {
  const { id, at, stream, consumer, subject, reason, deliveries, headers, body, cut } = letter;
  const text = readable(body);
  return [
    `dead letter ${id}, since ${new Date(at).toISOString()}`,
    `  from     ${subject} (stream ${stream}, consumer ${consumer}, delivered ${deliveries} times)`,
    `  reason   ${printable(reason)}`,
    ...Object.entries(headers).map(([name, value]) => `  header   ${printable(`${name}: ${value}`)}`),
    `  body     ${body.byteLength} bytes`,
    ...(cut === null ? [] : [`  missing  ${printable(cut)}; it was too large to be kept, and cannot be replayed`]),
    '',
    typeof text === 'string' ? text.split('\n').map(printable).join('\n') : JSON.stringify(text, null, 2),
  ].join('\n');
}

/** The body parsed as JSON, or else as text. */
function readable(body: Uint8Array): unknown {
  const text = Buffer.from(body).toString('utf8');
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
