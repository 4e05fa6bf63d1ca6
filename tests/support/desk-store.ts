import type { DeskStore } from '../../src/alert-desk/desk-store.ts';
import type { AlertEntry } from '../../src/alert-desk/alert-entry.ts';
import { ANY_BODY } from '../../src/infra/bus.ts';
import { newRequestId } from '../../src/messages/ids.ts';
import { streams } from '../../src/messages/subjects.ts';
import type { FakeStreams } from './fake-streams.ts';

/** The stores of the desk over streams in memory. */
export function deskStore(fake: FakeStreams): DeskStore {
  return {
    follow: (options) => fake.follow(options),
    last: async (options) => fake.last(options),
    read: async (options) => fake.read(options),
    replace: async (subject, body, before) => {
      const newest = fake.last({ stream: streams.alertDesk, subject, parser: ANY_BODY })?.seq ?? 0;
      if (newest !== before) return null;
      return fake.publish(subject, body, `${subject} after ${before}`).seq;
    },
  };
}

/** All that comes, as a list. */
export async function gathered<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

let made = 0;

/** An alert of the list; each call makes another one. */
export function entryOf(over: Partial<AlertEntry> = {}): AlertEntry {
  made += 1;
  const at = over.at ?? Date.parse('2026-05-01T10:00:00.000Z');
  return {
    alertId: newRequestId(at),
    cameraId: 'north',
    at,
    seq: made,
    level: 'high',
    kinds: ['near-miss'],
    incidents: [],
    description: 'Two cars almost meet.',
    source: 'vlm',
    imageId: null,
    ...over,
  };
}
