import { headers as newHeaders, type MsgHdrs, NatsError } from 'nats';
import { headers as headerNames } from '../../messages/subjects.ts';
import { type IsSampled, spanIdOf, traceparent } from '../../messages/trace-context.ts';
import type { Stored, Trace } from '../bus.ts';
import { InfraError } from '../infra-error.ts';
import type { NatsLink } from './connection.ts';

/** JetStream de-duplicates by this header. */
export const MSG_ID = 'Nats-Msg-Id';
/** Bytes reserved for the headers of a message. */
const HEADER_ROOM = 1_024;

export function traceHeaders(trace: Trace, isSampled: IsSampled): MsgHdrs {
  const made = newHeaders();
  made.set(headerNames.traceId, trace.traceId);
  made.set(headerNames.cameraId, trace.cameraId);
  made.set(headerNames.requestId, trace.requestId);
  const { traceId, spanId = spanIdOf(traceId, 'camera') } = trace;
  made.set(headerNames.traceparent, traceparent(traceId, spanId, isSampled(traceId)));
  return made;
}

/**
 * Stores bytes in the stream behind `subject`; `id` de-duplicates. Rejects `BUS_DOWN`, also as soon as the connection
 * is lost, or `BUS_REFUSED`; after a rejection the message may be stored all the same.
 */
export async function store(
  link: NatsLink,
  subject: string,
  payload: Uint8Array | string,
  { headers, id }: { readonly headers?: MsgHdrs; readonly id?: string } = {},
): Promise<Stored> {
  const options = { ...(headers === undefined ? {} : { headers }), ...(id === undefined ? {} : { msgID: id }) };
  try {
    checkSize(link, subject, payload);
    const { seq, duplicate } = await link.call(`publishing on ${subject}`, () =>
      link.js.publish(subject, payload, options),
    );
    link.topics.sent(subject);
    return { seq, duplicate };
  } catch (thrown) {
    link.topics.failed(subject);
    throw thrown;
  }
}

/** JetStream's error code: the newest message on the subject is another one than expected. */
const WRONG_LAST = 10_071;

/**
 * Stores a body in the place of the newest message on `subject`, if that still has the sequence `before` (0: there is
 * none). Resolves to the new sequence, or to null when somebody else wrote in between. Rejects as {@link store}.
 */
export async function replaceLast(
  link: NatsLink,
  subject: string,
  body: object,
  before: number,
): Promise<number | null> {
  const payload = JSON.stringify(body);
  checkSize(link, subject, payload);
  return link.call(`publishing on ${subject}`, async () => {
    try {
      return (await link.js.publish(subject, payload, { expect: { lastSubjectSequence: before } })).seq;
    } catch (thrown) {
      if (thrown instanceof NatsError && thrown.api_error?.err_code === WRONG_LAST) return null;
      throw thrown;
    }
  });
}

/** Throws `BUS_REFUSED` for a message that the server would refuse: trying again is of no use. */
export function checkSize(link: NatsLink, subject: string, payload: Uint8Array | string): void {
  const { maxPayload } = link;
  // Most bodies are so far below the limit that their bytes need no counting.
  if (payload.length * 3 + HEADER_ROOM <= maxPayload) return;
  const bytes = Buffer.byteLength(payload);
  if (bytes + HEADER_ROOM <= maxPayload) return;
  throw new InfraError(
    'BUS_REFUSED',
    `a message of ${bytes} bytes on ${subject} is over what NATS takes ` +
      `(max_payload ${maxPayload}, of which headers need ${HEADER_ROOM})`,
    { subject, bytes, maxPayload },
  );
}

/** As {@link store}, for a body as an object or as its JSON text, with the headers of its trace. */
export const sendJson = (
  link: NatsLink,
  subject: string,
  body: object | string,
  trace: Trace,
  id: string,
): Promise<Stored> =>
  store(link, subject, typeof body === 'string' ? body : JSON.stringify(body), {
    headers: traceHeaders(trace, link.isSampled),
    id,
  });
