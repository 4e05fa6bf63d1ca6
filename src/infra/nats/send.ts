import { headers as newHeaders, type JetStreamClient, type MsgHdrs } from 'nats';
import { headers } from '../../messages/subjects.ts';
import type { Stored, Trace } from '../bus.ts';
import type { NatsLink } from './connection.ts';
import { asInfraError } from './errors.ts';

const TIMEOUT_MS = 3_000;

export const jetstreamOf = (link: NatsLink): JetStreamClient => link.nc.jetstream({ timeout: TIMEOUT_MS });

export function traceHeaders(trace: Trace): MsgHdrs {
  const made = newHeaders();
  made.set(headers.traceId, trace.traceId);
  made.set(headers.cameraId, trace.cameraId);
  made.set(headers.requestId, trace.requestId);
  return made;
}

/** Stores a JSON body in the stream behind `subject`. Rejects `BUS_DOWN`, also as soon as the connection is lost, or `BUS_REFUSED`. */
export async function sendJson(link: NatsLink, subject: string, body: object, trace: Trace, id: string, js = jetstreamOf(link)): Promise<Stored> {
  link.require();
  try {
    const { seq, duplicate } = await link.whileConnected(js.publish(subject, JSON.stringify(body), { headers: traceHeaders(trace), msgID: id }));
    return { seq, duplicate };
  } catch (thrown) {
    throw asInfraError(thrown, `publishing on ${subject}`);
  }
}
