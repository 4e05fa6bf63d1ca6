import { type DeadLetter, DeadLetterBox, type DeadLetterSummary } from '../infra/nats/dead-letter-box.ts';
import { printable } from '../runtime/printable.ts';
import { CommandError, numberIn, UsageError } from './command-errors.ts';
import type { Output } from './output.ts';
import { withNats } from './running-nats.ts';
import { textTable } from './text-table.ts';

const MOST_LISTED = 100_000;

interface Filter {
  readonly stream?: string;
}
interface DataDir {
  readonly 'data-dir': string | undefined;
}

/** `gantry dlq list`. Exit code 0: done. Rejects as {@link withNats}. */
export function list(
  args: DataDir & { readonly stream: string | undefined; readonly limit: string | undefined },
  output: Output,
): Promise<number> {
  const options = { ...readFilter(args.stream), limit: readLimit(args.limit ?? '50') };
  return withNats(args['data-dir'], async (link) => {
    const letters = await new DeadLetterBox(link).list(options);
    output.result(letters.map(plain), letters.length === 0 ? 'no dead letters' : table(letters));
    return 0;
  });
}

/** `gantry dlq show ID`. Exit code 0: done. Rejects `NOT_FOUND`, and as {@link withNats}. */
export function show(args: DataDir & { readonly id: string }, output: Output): Promise<number> {
  const id = readId(args.id);
  return withNats(args['data-dir'], async (link) => {
    const letter = await new DeadLetterBox(link).get(id);
    if (letter === null) throw new CommandError('NOT_FOUND', gone(id));
    const { headers, cut } = letter;
    output.result({ ...plain(letter), headers, body: readable(letter.body), cut }, page(letter));
    return 0;
  });
}

/** `gantry dlq replay ID...` or `--all`. Exit code 0: done; 1: one is not there. Rejects as {@link withNats}. */
export function replay(
  args: DataDir & {
    readonly ids: readonly string[] | undefined;
    readonly all: boolean | undefined;
    readonly stream: string | undefined;
  },
  output: Output,
): Promise<number> {
  const ids = (args.ids ?? []).map(readId);
  const filter = readFilter(args.stream);
  if (args.all === true && ids.length > 0) throw new UsageError(`"${ids.join(' ')}": name ids or --all, not both`);
  if (args.all !== true && ids.length === 0) throw new UsageError('name the ids of dead letters, or --all');
  return withNats(args['data-dir'], async (link) => {
    const box = new DeadLetterBox(link);
    // Oldest first, so that related messages keep their order.
    const all = async () => (await box.list({ ...filter, limit: MOST_LISTED })).map((each) => each.id).toReversed();
    return replayEach(box, args.all === true ? await all() : ids, output);
  });
}

async function replayEach(box: DeadLetterBox, ids: readonly number[], output: Output): Promise<number> {
  const replayed: number[] = [];
  const missing: number[] = [];
  const progress = await output.progress('replay');
  try {
    for (const id of ids) {
      ((await box.replay(id)) ? replayed : missing).push(id);
      progress.at((replayed.length + missing.length) / ids.length, `replayed ${replayed.length} of ${ids.length}`);
    }
  } finally {
    progress.end();
  }
  if (!output.json) for (const id of missing) output.warn(gone(id));
  const lines = replayed.map((id) => `dead letter ${id} was published again`);
  output.result({ replayed, missing }, ids.length === 0 ? 'no dead letters' : lines.join('\n'));
  return missing.length === 0 ? 0 : 1;
}

const gone = (id: number): string => `there is no dead letter ${id}`;

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
  return textTable(rows);
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
