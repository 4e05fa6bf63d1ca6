import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Finding } from '../../src/events/events.types.ts';
import { MeasuredIncident } from '../../src/messages/incident.ts';
import type { RoadTrack } from '../../src/tracking/tracking.types.ts';
import { type BookUpdate, IncidentBook } from '../../src/watch/incident-book.ts';
import { drive, flatScene, START, until } from '../support/road-tracks.ts';

const PLANE = flatScene().plane;
const KNOWN = drive({ trackId: 1, place: [0, 0], heading: 0, speed: 10, legs: [{ seconds: 60 }] });
const OTHER = drive({ trackId: 2, place: [0, 4], heading: 0, speed: 10, legs: [{ seconds: 60 }] });
const at = (seconds: number): number => START + seconds * 1_000;

const finding = (over: Partial<Finding> = {}): Finding => ({
  kind: 'speeding',
  trackIds: [1],
  onset: at(5),
  endedAt: null,
  zone: 'lane',
  evidence: { speedKmh: 70 },
  severity: 'low',
  ...over,
});

/** The book after findings at a second, with what is known of the tracks then. */
function note(
  book: IncidentBook,
  seconds: number,
  findings: readonly Finding[],
  tracks: readonly RoadTrack[] = [KNOWN, OTHER],
): BookUpdate {
  const known = tracks.flatMap((track) => until(track, seconds) ?? []);
  return book.update(findings, { at: at(seconds), tracks: known, plane: PLANE });
}

/** Ids of incidents that the updates opened. */
const idsOf = (updates: readonly BookUpdate[]): readonly string[] => [
  ...new Set(updates.flatMap(({ incidents }) => incidents.map(({ incidentId }) => incidentId))),
];

test('an event found again and again is one incident that lasts', () => {
  const book = new IncidentBook('cam-');
  const first = note(book, 7, [finding()]);
  assert.equal(first.changed, true);
  const [opened] = first.incidents;
  assert.equal(opened?.incidentId, 'cam-1');
  assert.equal(opened?.state, 'open');
  assert.equal(opened?.foundAt, new Date(at(7)).toISOString());
  assert.ok((opened?.trajectories?.[0]?.points.length ?? 0) > 10, 'its way so far');
  const later = note(book, 9, [finding()]);
  assert.equal(later.changed, false);
  assert.equal(later.incidents[0]?.evidence.durationS, 4);
  assert.equal(later.incidents[0]?.trajectories, undefined);
  assert.deepEqual(idsOf([first, later]), ['cam-1']);
  assert.ok(book.isOpen('speeding', [1, 7]));
  assert.ok(!book.isOpen('speeding', [2]));
  assert.ok(!book.isOpen('wrong-way', [1]));
});

test('what the book tells is what the messages allow', () => {
  const told = note(new IncidentBook('cam-'), 7, [finding()]).incidents[0];
  assert.ok(told);
  assert.doesNotThrow(() => MeasuredIncident.parse({ ...told, objects: [0], subjectIndex: 1, cropId: null }));
});

test('a state closes after a while without a finding, with the time at which it held last', () => {
  const book = new IncidentBook('cam-');
  note(book, 7, [finding()]);
  note(book, 8, [finding()]);
  const quiet = note(book, 12, []);
  assert.equal(quiet.incidents[0]?.state, 'open');
  const closed = note(book, 18, []);
  assert.equal(closed.changed, true);
  assert.equal(closed.incidents[0]?.state, 'closed');
  assert.equal(closed.incidents[0]?.endedAt, new Date(at(8)).toISOString());
  assert.ok(closed.incidents[0]?.trajectories);
  assert.deepEqual(note(book, 19, []).incidents, []);
});

test('a moment that is found late, looking back, opens with its end known and is not opened again', () => {
  const book = new IncidentBook('cam-');
  const braking = finding({ kind: 'hard-braking', onset: at(5), endedAt: at(6) });
  const updates = [7, 8, 9, 10, 15, 25, 40].map((seconds) => note(book, seconds, [braking]));
  assert.deepEqual(idsOf(updates), ['cam-1']);
  assert.equal(updates.flatMap(({ incidents }) => incidents).at(-1)?.endedAt, new Date(at(6)).toISOString());
});

test('the same road user begins no new incident of a kind within ten seconds, but later', () => {
  const book = new IncidentBook('cam-');
  const moment = (seconds: number): Finding =>
    finding({ kind: 'hard-braking', onset: at(seconds), endedAt: at(seconds + 1) });
  const updates = [
    note(book, 7, [moment(5)]),
    note(book, 11, []),
    note(book, 14, [moment(12)]),
    note(book, 40, [moment(38)]),
  ];
  assert.deepEqual(idsOf(updates), ['cam-1', 'cam-2']);
});

test('a pair with another partner is another incident, unless both begin together', () => {
  const near = (trackIds: readonly number[], onset: number): Finding =>
    finding({ kind: 'near-miss', trackIds, onset: at(onset) });
  const third = drive({ trackId: 3, place: [8, 0], heading: 0, speed: 10, legs: [{ seconds: 60 }] });
  const tracks = [KNOWN, OTHER, third];
  const apart = new IncidentBook('a-');
  assert.equal(idsOf([note(apart, 7, [near([1, 2], 5), near([1, 3], 6.5)], tracks)]).length, 2);
  const together = new IncidentBook('b-');
  const { incidents } = note(together, 7, [near([1, 2], 5), near([1, 3], 5.5)], tracks);
  assert.deepEqual(
    incidents.map(({ trackIds }) => trackIds.toSorted((a, b) => a - b)),
    [[1, 2, 3]],
  );
});

test('a road user that was lost and found as another track goes on with its incident', () => {
  const book = new IncidentBook('cam-');
  const standing = drive({ trackId: 1, place: [0, 0], heading: 0, speed: 0, legs: [{ seconds: 20 }] });
  const again = drive({ trackId: 9, place: [1, 0], heading: 0, speed: 0, legs: [{ seconds: 20 }], from: 24 });
  const elsewhere = drive({ trackId: 10, place: [30, 0], heading: 0, speed: 0, legs: [{ seconds: 20 }], from: 24 });
  const stop = (trackId: number): Finding => finding({ kind: 'stopped-vehicle', trackIds: [trackId] });
  const first = note(book, 18, [stop(1)], [standing]);
  const found = note(book, 26, [stop(9)], [again, elsewhere]);
  assert.deepEqual(idsOf([first, found]), ['cam-1']);
  assert.deepEqual(found.incidents[0]?.trackIds, [9]);
  assert.equal(idsOf([note(book, 27, [stop(9), stop(10)], [again, elsewhere])]).length, 2);
});

test('a finding that joins two incidents merges them into the older one', () => {
  const book = new IncidentBook('cam-');
  const queue = (trackIds: readonly number[]): Finding => finding({ kind: 'queue', trackIds, severity: 'medium' });
  note(book, 7, [queue([1]), queue([2])]);
  const joined = note(book, 9, [queue([1, 2])]);
  const closed = joined.incidents.find(({ state }) => state === 'closed');
  assert.equal(closed?.mergedInto, 'cam-1');
  assert.deepEqual(joined.incidents[0]?.trackIds, [1, 2]);
});

test('the evidence keeps the worst value; a finding that measures all of it again replaces it', () => {
  const book = new IncidentBook('cam-');
  const ttc = (value: number, onset: number): Finding =>
    finding({ kind: 'near-miss', trackIds: [1, 2], onset: at(onset), evidence: { ttc: value, distanceM: null } });
  note(book, 7, [ttc(0.4, 5)]);
  assert.equal(note(book, 8, [ttc(0.9, 7)]).incidents[0]?.evidence.ttc, 0.4);
  assert.equal(note(book, 9, [ttc(0.7, 5.2)]).incidents[0]?.evidence.ttc, 0.7);
});

test('severity grows, is told as a change, and never falls', () => {
  const book = new IncidentBook('cam-');
  note(book, 7, [finding()]);
  const worse = note(book, 8, [finding({ severity: 'high' })]);
  assert.equal(worse.changed, true);
  assert.equal(worse.incidents[0]?.severity, 'high');
  assert.equal(note(book, 9, [finding({ severity: 'low' })]).incidents[0]?.severity, 'high');
});

test('a book is bounded: the least severe incident makes room, and what gets none is counted', () => {
  const book = new IncidentBook('cam-');
  const many = Array.from({ length: 120 }, (_, index) =>
    drive({ trackId: index + 1, place: [0, index * 10], heading: 0, speed: 10, legs: [{ seconds: 20 }] }),
  );
  const found = many.map(({ trackId }) => finding({ trackIds: [trackId] }));
  const full = note(book, 8, found, many);
  assert.equal(full.incidents.length, 100);
  assert.equal(book.refused, 20);
  const urgent = note(book, 9, [finding({ kind: 'collision', trackIds: [3, 4], severity: 'high' })], many);
  assert.equal(urgent.incidents.filter(({ state }) => state === 'open').length, 100);
  assert.ok(urgent.incidents.some(({ kind }) => kind === 'collision'));
});
