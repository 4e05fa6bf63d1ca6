/** The messages between the processes of this benchmark, and the feed messages that they measure. */
import type { Aggregate } from '../../src/messages/aggregate.ts';
import { preciseNow } from '../../src/simulator/reply.ts';
import { aggregate } from '../../tests/support/http-samples.ts';

export type Subject = 'Gantry' | 'bare ws';

/** To a server: publish `rate` messages a second, or as fast as the connections take them; null stops. */
export interface ServerOrder {
  readonly publish: { readonly rate: number | 'saturation' } | null;
}
/** From a server, after each order. */
export interface ServerReport {
  readonly published: number;
  /** Processor time since the order before, in ms. */
  readonly cpuMs: number;
  readonly droppedFrames: number;
}

/** To the viewers of one server. */
export type ViewerOrder =
  | { readonly type: 'connect'; readonly url: string; readonly viewers: number }
  | { readonly type: 'begin' }
  | { readonly type: 'end' }
  | { readonly type: 'stall' }
  | { readonly type: 'unstall' };
/** From them, after each order; figures are since `begin`. */
export interface ViewerReport {
  readonly messages: number;
  readonly bytes: number;
  /** From publishing to the viewer's hands, in ms; NaN without messages. */
  readonly p50: number;
  readonly p99: number;
}

const CAMERAS = 14;
const OBJECTS = 12;
/** Hex digits of the time of publishing in µs since the epoch, at the end of every message. */
const TIME_DIGITS = 14;

/** Microseconds since the epoch, alike in all processes. */
export const nowUs = (): number => Math.round(preciseNow() * 1_000);

/**
 * An aggregate of about 4 kB as a street with a dozen road users in three groups gives, that says when it was
 * published.
 */
export function sceneAt(number: number): Aggregate {
  const plain = aggregate(`cam-${(number % CAMERAS) + 1}`, { risk: 'low', frameNumber: number + 1 });
  const [object] = plain.detectedObjects;
  const [group] = plain.trafficGroups;
  const [result] = plain.riskAssessment.results;
  if (object === undefined || group === undefined || result === undefined) throw new Error('the sample has no group');
  const { traceId: _, ...scene } = plain;
  return {
    ...scene,
    detectedObjects: Array.from({ length: OBJECTS }, (_value, objectId) => ({
      ...object,
      objectId,
      trackId: number + objectId,
    })),
    trafficGroups: [1, 2, 3].map((groupIndex) => ({
      ...group,
      groupIndex,
      groupId: `g-${groupIndex}`,
      objectCount: 4,
      memberIndices: [0, 1, 2, 3],
    })),
    riskAssessment: {
      ...plain.riskAssessment,
      results: [1, 2, 3].map((groupIndex) => ({
        ...result,
        groupIndex,
        description: 'A person walks 20 px beside a moving car; the others keep their distance and their lane.',
      })),
    },
    // Last, so that a viewer finds it without reading the rest.
    traceId: nowUs().toString(16).padStart(TIME_DIGITS, '0').padStart(32, '0'),
  };
}

/** When the message was published, µs; it ends with the trace id, a quote and two braces. */
export const publishedAt = (message: Buffer): number =>
  Number.parseInt(message.toString('latin1', message.length - 3 - TIME_DIGITS, message.length - 3), 16);
