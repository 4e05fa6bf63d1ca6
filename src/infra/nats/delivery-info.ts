import { InfraError } from '../infra-error.ts';

/** What the ack subject of a delivered message tells. */
export interface DeliveryInfo {
  readonly stream: string;
  readonly consumer: string;
  /** 1 for the first delivery. */
  readonly attempt: number;
  /** Sequence in the stream. */
  readonly seq: number;
  /** Sequence of deliveries of this consumer, from 1 without gaps. */
  readonly consumerSeq: number;
  /** Epoch ms. */
  readonly storedAt: number;
  /** Messages of the consumer still to come. */
  readonly pending: number;
}

/** True for what {@link deliveryInfo} can read. */
export function isAckSubject(subject: string): boolean {
  try {
    deliveryInfo(subject);
    return true;
  } catch {
    return false;
  }
}

/**
 * Reads `$JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time in ns>.<pending>`; newer servers put
 * domain and account after `ACK` and one token at the end. Throws `BUS_REFUSED` on anything else.
 */
export function deliveryInfo(ackSubject: string): DeliveryInfo {
  const tokens = ackSubject.split('.');
  const [stream = '', consumer = '', ...figures] = tokens.slice(tokens.length >= 11 ? 4 : 2);
  const [attempt = NaN, seq = NaN, consumerSeq = NaN] = figures.map(Number);
  // Nanoseconds are beyond what a number holds exactly: the last six digits go before.
  const storedAt = Number((figures[3] ?? '').slice(0, -6));
  const pending = Number(figures[4] ?? NaN);
  if (
    tokens[0] !== '$JS' ||
    tokens[1] !== 'ACK' ||
    ![attempt, seq, consumerSeq, storedAt, pending].every(Number.isSafeInteger)
  ) {
    throw new InfraError('BUS_REFUSED', `"${ackSubject.slice(0, 200)}" is not the ack subject of a JetStream message`);
  }
  return { stream, consumer, attempt, seq, consumerSeq, storedAt, pending };
}
