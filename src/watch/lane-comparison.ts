import type { Box } from '../messages/detection.ts';
import type { IncidentSeverity } from '../messages/incident.ts';
import type { EventKind } from '../messages/scene-constants.ts';
import { isWorse } from './incident-evidence.ts';

/** Two ways to judge the pictures of one camera. */
export type LaneWay = 'present' | 'candidate';

/** An incident as one lane has it now. */
export interface LaneIncident {
  /** Unique over both lanes. */
  readonly incidentId: string;
  readonly kind: EventKind;
  readonly severity: IncidentSeverity;
  /** ISO 8601 UTC. */
  readonly onset: string;
  readonly endedAt?: string | undefined;
  /** In px of the picture as shown. */
  readonly bbox: Box;
}

/** The frame in which a lane found an incident. */
export interface FoundIn {
  readonly requestId: string;
  readonly cropId: string;
  /** Time of the frame, epoch ms. */
  readonly at: number;
}

/** An incident, and the lanes that found it. */
export interface ComparedIncident extends FoundIn {
  readonly incidentId: string;
  readonly kind: EventKind;
  readonly severity: IncidentSeverity;
  readonly foundBy: readonly LaneWay[];
}

/**
 * Wait for the other lane, in ms of the frames' times. Afterwards an incident was found by one lane only. The picture
 * can still be cut then: the ingest has the last 12 s.
 */
const WAIT_MS = 6_000;
/** Onset and end of the same incident may differ by so much between two lanes. */
const SLACK_MS = 3_000;
/** Boxes of the same incident overlap once each is larger by this share of its size on every side. */
const MARGIN = 0.25;
/** Incidents that no lane has told for so long are forgotten. */
const REMEMBERED_MS = 60_000;
/** Incidents remembered of both lanes; with one more, the one that was told longest ago is forgotten. */
const MOST_REMEMBERED = 400;

interface Entry {
  readonly way: LaneWay;
  readonly foundIn: FoundIn;
  incident: LaneIncident;
  toldAt: number;
  /** `paired`: told with both lanes, or a part of one that was told. */
  state: 'waiting' | 'paired' | 'alone';
}

/**
 * Compares the incidents of two lanes that look at the same pictures. The same one has the same kind, overlaps in time
 * (3 s more or less) and in place. Each is told once: with both lanes as soon as both have it, with one after six
 * seconds. One that a lane splits in two is told once. Pure: its clock are the times of the frames.
 */
export class LaneComparison {
  readonly #since: number;
  readonly #entries = new Map<string, Entry>();
  #forgotten = 0;

  /** @param since incidents with an earlier onset do not count: a lane may not have seen their beginning. Epoch ms */
  constructor(since: number) {
    this.#since = since;
  }

  /** Incidents that were forgotten untold, because too many others were remembered. */
  get forgotten(): number {
    return this.#forgotten;
  }

  /** Takes note of an incident of one lane; repeated while the lane tells it. */
  note(way: LaneWay, incident: LaneIncident, foundIn: FoundIn): void {
    if (Date.parse(incident.onset) < this.#since) return;
    const known = this.#entries.get(incident.incidentId);
    // The order of a map is that of its insertions: the one told longest ago comes first.
    this.#entries.delete(incident.incidentId);
    const entry = known ?? { way, foundIn, incident, toldAt: foundIn.at, state: 'waiting' };
    entry.incident = incident;
    entry.toldAt = Math.max(entry.toldAt, foundIn.at);
    this.#entries.set(incident.incidentId, entry);
    this.#bound();
  }

  /** The incidents that are decided at the frame of this time, each once. */
  settle(at: number): readonly ComparedIncident[] {
    const decided: ComparedIncident[] = [];
    for (const entry of this.#entries.values()) {
      if (entry.state !== 'waiting') continue;
      const other = this.#partnerOf(entry);
      if (other !== null) {
        if (other.state === 'waiting') decided.push(pairOf(entry, other));
        entry.state = other.state = 'paired';
      } else if (at - entry.foundIn.at >= WAIT_MS) {
        entry.state = 'alone';
        decided.push(told(entry, entry.incident.severity, [entry.way]));
      }
    }
    for (const [id, { toldAt, state }] of this.#entries)
      if (state !== 'waiting' && at - toldAt > REMEMBERED_MS) this.#entries.delete(id);
    return decided;
  }

  /** The same incident in the other lane, one that still waits before others. */
  #partnerOf(entry: Entry): Entry | null {
    let found: Entry | null = null;
    for (const other of this.#entries.values()) {
      if (other.way === entry.way || !isSame(entry, other)) continue;
      if (other.state === 'waiting') return other;
      found ??= other;
    }
    return found;
  }

  #bound(): void {
    for (const [id, { state }] of this.#entries) {
      if (this.#entries.size <= MOST_REMEMBERED) return;
      this.#entries.delete(id);
      if (state === 'waiting') this.#forgotten += 1;
    }
  }
}

function pairOf(one: Entry, other: Entry): ComparedIncident {
  const present = one.way === 'present' ? one : other;
  const [a, b] = [one.incident.severity, other.incident.severity];
  return told(present, isWorse(b, a) ? b : a, ['present', 'candidate']);
}

const told = (
  { incident: { incidentId, kind }, foundIn }: Entry,
  severity: IncidentSeverity,
  foundBy: readonly LaneWay[],
): ComparedIncident => ({ incidentId, kind, severity, foundBy, ...foundIn });

function isSame(one: Entry, other: Entry): boolean {
  if (one.incident.kind !== other.incident.kind) return false;
  const [a, b] = [spanOf(one), spanOf(other)];
  if (a.from > b.to + SLACK_MS || b.from > a.to + SLACK_MS) return false;
  return overlap(widened(one.incident.bbox), widened(other.incident.bbox));
}

const spanOf = ({ incident: { onset, endedAt }, toldAt }: Entry): { readonly from: number; readonly to: number } => ({
  from: Date.parse(onset),
  to: endedAt === undefined ? toldAt : Date.parse(endedAt),
});

function widened([x1, y1, x2, y2]: Box): Box {
  const [dx, dy] = [(x2 - x1) * MARGIN, (y2 - y1) * MARGIN];
  return [x1 - dx, y1 - dy, x2 + dx, y2 + dy];
}

const overlap = (a: Box, b: Box): boolean => a[0] <= b[2] && b[0] <= a[2] && a[1] <= b[3] && b[1] <= a[3];
