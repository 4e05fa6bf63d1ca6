import { parseArgs } from 'node:util';
import { type DeadLetter, DeadLetterBox, type DeadLetterSummary } from '../infra/nats/dead-letter-box.ts';
import { asError } from '../runtime/errors.ts';
import { withNats } from './running-nats.ts';

const USAGE = `usage: gantry dlq list [--stream STREAM] [--limit N] [--json]
       gantry dlq show ID [--json]
       gantry dlq replay ID...
       gantry dlq replay --all [--stream STREAM]

Dead letters: messages that were given up because they could not be read or failed too often. They are kept for 7 days.
list shows the newest N (default 50), show one of them with its headers and body; replay puts the original message back
where it was, to be handled again, and takes it off the list. NATS is that of the data folder's Gantry (--data-dir DIR),
or NATS_URL.`;

const OPTIONS = {
  stream: { type: 'string' },
  limit: { type: 'string' },
  all: { type: 'boolean' },
  json: { type: 'boolean' },
  'data-dir': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;
const MOST_LISTED = 100_000;

/** `gantry dlq ...`. Exit code 0: done; 1: NATS cannot be asked, or a dead letter is not there; 2: bad call. */
export async function run(args: string[]): Promise<number> {
  let parsed;
  try {
    parsed = parseArgs({ args, options: OPTIONS, allowPositionals: true });
  } catch (thrown) {
    return badCall(asError(thrown).message);
  }
  const { values, positionals } = parsed;
  const [command, ...named] = positionals;
  if (values.help === true || command === 'help') {
    console.log(USAGE);
    return 0;
  }
  const json = values.json === true;
  const stream = values.stream?.toUpperCase();
  if (stream !== undefined && !/^[A-Z_]+$/u.test(stream))
    return badCall(`--stream: "${values.stream ?? ''}" is not the name of a stream`);
  const ids = named.map(Number);
  const wrong = named.find((_, index) => !Number.isSafeInteger(ids[index]) || (ids[index] ?? 0) < 1);
  if (wrong !== undefined) return badCall(`"${wrong}" is not the id of a dead letter`);
  const limit = Number(values.limit ?? '50');
  if (!Number.isInteger(limit) || limit < 1 || limit > MOST_LISTED)
    return badCall(`--limit: must be from 1 to ${MOST_LISTED}, not "${values.limit ?? ''}"`);
  const filter = stream === undefined ? {} : { stream };
  const dataDir = values['data-dir'];

  if (command === 'list' && ids.length === 0)
    return withNats(dataDir, async (link) => list(new DeadLetterBox(link), { ...filter, limit }, json));
  if (command === 'show' && ids.length === 1)
    return withNats(dataDir, async (link) => show(new DeadLetterBox(link), ids[0] ?? 0, json));
  if (command === 'replay' && ids.length > 0 !== (values.all === true)) {
    return withNats(dataDir, async (link) => {
      const box = new DeadLetterBox(link);
      return replay(
        box,
        values.all === true
          ? (await box.list({ ...filter, limit: MOST_LISTED })).map(({ id }) => id).toReversed()
          : ids,
      );
    });
  }
  return badCall(command === undefined ? 'list, show or replay?' : `"${positionals.join(' ')}" is not understood`);
}

function badCall(why: string): number {
  console.error(`gantry dlq: ${why}\n\n${USAGE}`);
  return 2;
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

/** Oldest first, so that what belongs together comes in the order in which it was. */
async function replay(box: DeadLetterBox, ids: readonly number[]): Promise<number> {
  let missing = 0;
  for (const id of ids) {
    if (await box.replay(id)) console.log(`dead letter ${id} is on its way again`);
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
    typeof text === 'string' ? printable(text) : JSON.stringify(text, null, 2),
  ].join('\n');
}

/** The JSON it is, or its text as far as it is text. */
function readable(body: Uint8Array): unknown {
  const text = Buffer.from(body).toString('utf8');
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** What a terminal would obey is shown as what it is. */
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/gu;
const printable = (text: string): string =>
  text.replaceAll(CONTROL, (char) => `\\x${(char.codePointAt(0) ?? 0).toString(16).padStart(2, '0')}`);
