import type { CounterTotals } from '../metric-table.ts';

/** More topics than there are: subjects of ours begin with few words. */
const MOST_TOPICS = 100;

export interface TopicCount {
  sent: number;
  received: number;
  /** Messages that NATS did not take. */
  failed: number;
}

/** Messages of one connection by topic, the first word of the subject. Totals since the start. */
export class TopicCounts {
  readonly #counts = new Map<string, TopicCount>();

  sent(subject: string): void {
    this.#of(subject).sent += 1;
  }

  received(subject: string): void {
    this.#of(subject).received += 1;
  }

  failed(subject: string): void {
    this.#of(subject).failed += 1;
  }

  all(): ReadonlyMap<string, Readonly<TopicCount>> {
    return this.#counts;
  }

  #of(subject: string): TopicCount {
    const end = subject.indexOf('.');
    const topic = end < 0 ? subject : subject.slice(0, end);
    let count = this.#counts.get(topic);
    if (count !== undefined) return count;
    if (this.#counts.size >= MOST_TOPICS && topic !== 'other') return this.#of('other');
    this.#counts.set(topic, (count = { sent: 0, received: 0, failed: 0 }));
    return count;
  }
}

/** Adds the counts since the last call with the same `totals` to the metrics. */
export function showTopics(totals: CounterTotals, counts: TopicCounts): void {
  for (const [topic, { sent, received, failed }] of counts.all()) {
    totals.raise('nats_messages_sent_total', sent, { topic });
    totals.raise('nats_messages_received_total', received, { topic });
    totals.raise('nats_send_errors_total', failed, { topic });
  }
}
