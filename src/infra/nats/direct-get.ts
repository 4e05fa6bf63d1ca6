import type { Msg } from 'nats';
import { InfraError } from '../infra-error.ts';
import type { NatsLink } from './connection.ts';
import { headerBytes, MOST_HEADER_BYTES } from './headers.ts';
import { requestOnce } from './requests.ts';

const ANSWER_MS = 3_000;

/**
 * The newest message on `subject` of a stream that allows direct gets: the bytes as they are; the stream's own API
 * would answer with base64 inside JSON. Null when there is none, or no longer. Rejects `BUS_DOWN`.
 */
export const directGet = (link: NatsLink, stream: string, subject: string, doing: string): Promise<Uint8Array | null> =>
  directGetMessage(link, stream, subject, doing).then((found) => found?.data ?? null);

/** As {@link directGet}, the message with its headers. */
export function directGetMessage(link: NatsLink, stream: string, subject: string, doing: string): Promise<Msg | null> {
  return link.call(doing, async () => {
    const answer = await requestOnce(link.nc, `$JS.API.DIRECT.GET.${stream}.${subject}`, '', ANSWER_MS);
    if (answer.data.length > 0) return answer;
    // A status has no body and few headers.
    if (headerBytes(answer) > MOST_HEADER_BYTES) return null;
    const { code = 0, description = '' } = answer.headers ?? {};
    if (code === 404) return null;
    throw new InfraError('BUS_DOWN', `NATS answered ${code} ${description}`, { subject, code });
  });
}
