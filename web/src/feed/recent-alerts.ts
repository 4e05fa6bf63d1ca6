/** The newest alerts of all cameras: those of the API's list, and those that the feed brought since. */
import { createSignal } from 'solid-js';
import type { Aggregate } from '../../../src/messages/aggregate.ts';
import type { AlertRow } from './messages.ts';

const MOST = 200;

export interface RecentAlert {
  readonly alertId: string;
  readonly cameraId: string;
  readonly timestamp: string;
  /** -1 where only the list's row is known. */
  readonly revision: number;
  /** Null until the feed brings it. */
  readonly aggregate: Aggregate | null;
  readonly row: AlertRow | null;
}

const [alerts, setAlerts] = createSignal<readonly RecentAlert[]>([]);
/** Newest first, at most 200. */
export const recentAlerts = alerts;

/** Adds alerts, and takes later revisions of known ones. */
export const addAlerts = (aggregates: readonly Aggregate[]): void =>
  add(
    aggregates.map((aggregate) => ({
      alertId: aggregate.requestId,
      cameraId: aggregate.cameraId,
      timestamp: aggregate.timestamp,
      revision: aggregate.revision,
      aggregate,
      row: null,
    })),
  );

/** Adds rows of the API's list; an alert that the feed brought stays as it is. */
export const addRows = (rows: readonly AlertRow[]): void =>
  add(
    rows.map((row) => ({
      alertId: row.alertId,
      cameraId: row.cameraId,
      timestamp: row.timestamp,
      revision: -1,
      aggregate: null,
      row,
    })),
  );

function add(some: readonly RecentAlert[]): void {
  const known = new Map(alerts().map((each) => [each.alertId, each]));
  const fresh = some.filter((each) => (known.get(each.alertId)?.revision ?? -2) < each.revision);
  if (fresh.length === 0) return;
  for (const each of fresh) known.set(each.alertId, each);
  const sorted = [...known.values()].toSorted((a, b) => Date.parse(b.timestamp) - Date.parse(a.timestamp));
  setAlerts(sorted.slice(0, MOST));
}

/** Takes a later revision of an alert that is known; anything else is left. */
export function reviseAlert(aggregate: Aggregate): void {
  if (aggregate.revision > 0 && alerts().some(({ alertId }) => alertId === aggregate.requestId)) addAlerts([aggregate]);
}

/** Forgets all: somebody else signed in. */
export const forgetAlerts = (): void => {
  setAlerts([]);
};
