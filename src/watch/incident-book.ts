import { MOST } from '../messages/bounds.ts';
import type { Box } from '../messages/detection.ts';
import type { IncidentSeverity, MeasuredIncident } from '../messages/incident.ts';
import type { EventKind } from '../messages/scene-constants.ts';
import type { Finding } from '../events/events.types.ts';
import type { RoadPlane } from '../scene/scene.types.ts';
import { HISTORY_SECONDS, type RoadTrack } from '../tracking/tracking.types.ts';
import { bySeverity, isWorse, type Numbers, numbersOf, remeasured, worst } from './incident-evidence.ts';
import { type LastSeen, sameUsers } from './incident-identity.ts';
import { around, lastSeenOf, trajectoriesOf } from './incident-trace.ts';
import type { WatchedIncident } from './watch.types.ts';

/** A moment is over: what is found later is another one, but see `RETURN_MS`. */
const MOMENTS: ReadonlySet<EventKind> = new Set([
  'collision',
  'near-miss',
  'near-miss-person',
  'hard-braking',
  'u-turn',
]);
/** An incident closes when it was not found for so many ms: of a moment, of a state that may be hidden for a while. */
const MOMENT_GRACE_MS = 3_000;
const STATE_GRACE_MS = 10_000;
/** The same road users begin no new incident of a kind within so many ms of the end of the last. */
const RETURN_MS = 10_000;
/** Closed incidents are remembered for as long as a finding, looking back, may mean one; and at most so many. */
const REMEMBERED_MS = HISTORY_SECONDS * 1_000 + RETURN_MS;
const MOST_REMEMBERED = 300;
/** A finding whose onset lies no more than so many ms after the incident's has measured all of it again. */
const WHOLE_MS = 500;

interface Entry {
  readonly incidentId: string;
  readonly kind: EventKind;
  trackIds: readonly number[];
  onset: number;
  readonly foundAt: number;
  /** The latest moment at which it held, epoch ms. */
  heldAt: number;
  isOpen: boolean;
  mergedInto: string | null;
  zone: string | null;
  numbers: Numbers;
  severity: IncidentSeverity;
  bbox: Box;
  readonly lastSeen: Map<number, LastSeen>;
}

export interface BookUpdate {
  /** Open ones, and those that closed in this update. */
  readonly incidents: readonly WatchedIncident[];
  /** One was opened, closed, merged or became more severe. */
  readonly changed: boolean;
}

/** The tracks, and the plane on which they are. */
export interface BookView {
  /** Epoch ms of the newest frame. */
  readonly at: number;
  readonly tracks: readonly RoadTrack[];
  readonly plane: RoadPlane;
}

/**
 * Gives events an identity: findings of one kind with a shared road user are one incident, from the first to the last.
 * Findings may be repeated, in any order, and may be about the past. At most `MOST.incidents` are open.
 */
export class IncidentBook {
  readonly #idPrefix: string;
  #entries: Entry[] = [];
  #opened = 0;
  #refused = 0;

  constructor(idPrefix: string) {
    this.#idPrefix = idPrefix;
  }

  /** Incidents that were not opened because too many others were open. */
  get refused(): number {
    return this.#refused;
  }

  isOpen(kind: EventKind, trackIds: readonly number[]): boolean {
    return this.#entries.some(
      (entry) => entry.isOpen && entry.kind === kind && entry.trackIds.some((id) => trackIds.includes(id)),
    );
  }

  update(findings: readonly Finding[], view: BookView): BookUpdate {
    const tracks = new Map(view.tracks.map((track) => [track.trackId, track]));
    const isNew = new Set<Entry>();
    const isClosing = new Set<Entry>();
    let changed = false;
    for (const finding of findings) {
      const [entry, ...others] = this.#meantBy(finding, view.at, tracks);
      if (entry === undefined) {
        const opened = this.#open(finding, view.at, tracks, isClosing);
        if (opened !== null) isNew.add(opened);
        continue;
      }
      for (const other of others) this.#merge(entry, other, isClosing);
      if (entry.isOpen) changed = grow(entry, finding, view.at, tracks) || changed;
      else entry.heldAt = Math.max(entry.heldAt, finding.endedAt ?? view.at);
    }
    for (const entry of this.#entries) {
      if (!entry.isOpen) continue;
      follow(entry, tracks);
      if (view.at - entry.heldAt >= graceOf(entry.kind)) this.#close(entry, isClosing);
    }
    this.#forget(view.at);
    changed ||= isNew.size > 0 || isClosing.size > 0;
    const told = [...this.#entries.filter((entry) => entry.isOpen), ...isClosing];
    return {
      incidents: told.map((entry) => shown(entry, view, isNew.has(entry) || isClosing.has(entry) ? tracks : null)),
      changed,
    };
  }

  /** Incidents that the finding is about: open ones, oldest first; without any the newest closed one. */
  #meantBy(finding: Finding, at: number, tracks: ReadonlyMap<number, RoadTrack>): readonly Entry[] {
    const endedAt = finding.endedAt ?? at;
    const meant = this.#entries.filter(
      (entry) =>
        entry.kind === finding.kind &&
        finding.onset <= entry.heldAt + RETURN_MS &&
        endedAt >= entry.onset - RETURN_MS &&
        sameUsers(entry, finding, (trackId) => tracks.get(trackId)),
    );
    const open = meant.filter(({ isOpen }) => isOpen);
    return open.length > 0 ? open : meant.slice(-1);
  }

  #open(finding: Finding, at: number, tracks: ReadonlyMap<number, RoadTrack>, isClosing: Set<Entry>): Entry | null {
    const bbox = around(boxesOf(finding.trackIds, tracks));
    // Of nobody who was ever seen.
    if (bbox === null) return null;
    const open = this.#entries.filter(({ isOpen }) => isOpen);
    if (open.length >= MOST.incidents) {
      const least = open.toSorted((a, b) => bySeverity(a.severity, b.severity))[0];
      if (least === undefined || !isWorse(finding.severity, least.severity)) {
        this.#refused += 1;
        return null;
      }
      this.#close(least, isClosing);
    }
    this.#opened += 1;
    const entry: Entry = {
      incidentId: `${this.#idPrefix}${this.#opened}`,
      kind: finding.kind,
      trackIds: finding.trackIds.slice(0, MOST.objects),
      onset: finding.onset,
      foundAt: at,
      heldAt: finding.endedAt ?? at,
      isOpen: true,
      mergedInto: null,
      zone: finding.zone,
      numbers: numbersOf(finding),
      severity: finding.severity,
      bbox,
      lastSeen: new Map(),
    };
    this.#entries.push(entry);
    return entry;
  }

  #close(entry: Entry, isClosing: Set<Entry>): void {
    entry.isOpen = false;
    isClosing.add(entry);
  }

  /** The older one goes on, with the road users of both. */
  #merge(entry: Entry, other: Entry, isClosing: Set<Entry>): void {
    entry.trackIds = union(entry.trackIds, other.trackIds);
    entry.onset = Math.min(entry.onset, other.onset);
    entry.heldAt = Math.max(entry.heldAt, other.heldAt);
    entry.numbers = worst(entry.numbers, other.numbers);
    if (isWorse(other.severity, entry.severity)) entry.severity = other.severity;
    other.mergedInto = entry.incidentId;
    this.#close(other, isClosing);
  }

  #forget(at: number): void {
    this.#entries = this.#entries.filter(({ isOpen, heldAt }) => isOpen || at - heldAt <= REMEMBERED_MS);
    const closed = this.#entries.filter(({ isOpen }) => !isOpen);
    const surplus = new Set(closed.slice(0, Math.max(0, closed.length - MOST_REMEMBERED)));
    if (surplus.size > 0) this.#entries = this.#entries.filter((entry) => !surplus.has(entry));
  }
}

const graceOf = (kind: EventKind): number => (MOMENTS.has(kind) ? MOMENT_GRACE_MS : STATE_GRACE_MS);

const union = (one: readonly number[], other: readonly number[]): readonly number[] =>
  [...new Set([...one, ...other])].slice(0, MOST.objects);

const boxesOf = (trackIds: readonly number[], tracks: ReadonlyMap<number, RoadTrack>): readonly Box[] =>
  trackIds.flatMap((trackId) => {
    const track = tracks.get(trackId);
    const point = track === undefined ? undefined : lastSeenOf(track);
    return point === undefined ? [] : [point.box];
  });

/** Takes a finding into its incident. True when that became more severe. */
function grow(entry: Entry, finding: Finding, at: number, tracks: ReadonlyMap<number, RoadTrack>): boolean {
  const measuredAgain = finding.onset <= entry.onset + WHOLE_MS;
  entry.numbers = (measuredAgain ? remeasured : worst)(entry.numbers, numbersOf(finding));
  entry.trackIds =
    // Vehicles that left a queue no longer belong to it.
    entry.kind === 'queue'
      ? finding.trackIds.slice(0, MOST.objects)
      : union(
          finding.trackIds,
          entry.trackIds.filter((trackId) => tracks.has(trackId)),
        );
  entry.onset = Math.min(entry.onset, finding.onset);
  entry.heldAt = Math.max(entry.heldAt, finding.endedAt ?? at);
  entry.zone ??= finding.zone;
  if (!isWorse(finding.severity, entry.severity)) return false;
  entry.severity = finding.severity;
  return true;
}

/** Keeps the last places of the incident's road users, and the box around them. */
function follow(entry: Entry, tracks: ReadonlyMap<number, RoadTrack>): void {
  for (const trackId of entry.trackIds) {
    const track = tracks.get(trackId);
    const point = track === undefined ? undefined : lastSeenOf(track);
    if (point !== undefined)
      entry.lastSeen.set(trackId, { at: point.at, place: point.place, velocity: point.velocity });
  }
  for (const trackId of entry.lastSeen.keys()) if (!entry.trackIds.includes(trackId)) entry.lastSeen.delete(trackId);
  entry.bbox = around(boxesOf(entry.trackIds, tracks)) ?? entry.bbox;
}

/** `tracks`: to tell the ways of its members; null: not now. */
function shown(entry: Entry, view: BookView, tracks: ReadonlyMap<number, RoadTrack> | null): WatchedIncident {
  const { incidentId, kind, isOpen, onset, foundAt, heldAt, mergedInto, trackIds, bbox, zone, severity } = entry;
  const { calibrated, scaleError } = view.plane;
  const members = trackIds.map((trackId) => tracks?.get(trackId)).filter((track) => track !== undefined);
  const optional: Pick<MeasuredIncident, 'endedAt' | 'mergedInto' | 'trajectories'> = {
    ...(isOpen ? {} : { endedAt: iso(heldAt) }),
    ...(mergedInto === null ? {} : { mergedInto }),
    ...(tracks === null ? {} : { trajectories: trajectoriesOf(members, onset, view.plane) }),
  };
  return {
    incidentId,
    kind,
    state: isOpen ? 'open' : 'closed',
    onset: iso(onset),
    foundAt: iso(foundAt),
    ...optional,
    trackIds: [...trackIds],
    bbox,
    zone,
    calibrated,
    ...(scaleError === undefined ? {} : { scaleError: Math.round(scaleError * 1_000) / 1_000 }),
    evidence: { ...entry.numbers, durationS: Math.max(0, heldAt - onset) / 1_000 },
    severity,
  };
}

const iso = (at: number): string => new Date(at).toISOString();
