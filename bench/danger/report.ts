/** Tables and bars of a run. */
import { EVENT_KINDS, type EventKind } from '../../src/messages/scene-constants.ts';
import { type Bar, bar, median, type Result, resultOf } from '../harness.ts';
import type { RunOptions, RunResult } from './run-scenes.ts';
import { alarmFigures, quantile } from './score-alarms.ts';
import { idf1 } from './score-tracks.ts';

/** Kinds with a waiting time in their definition: their delay counts from the moment that met it. */
export const WAITING: readonly EventKind[] = [
  'stopped-vehicle',
  'illegal-stop',
  'person-on-road',
  'shoulder-use',
  'speeding',
  'tailgating',
  'queue',
  'wrong-way',
  'u-turn',
];
const AT_ONCE = EVENT_KINDS.filter((kind) => !WAITING.includes(kind));
const ZONELESS: readonly EventKind[] = ['collision', 'near-miss', 'hard-braking', 'tailgating', 'u-turn'];
/** Kinds with fewer events have no bar of their own. */
const FEW = 5;
/** Frames a second that a burst may reach: the budget is a share of them. */
const FINE_FPS = 10;

const share = (values: readonly number[], within: number): number =>
  values.filter((value) => Math.abs(value) <= within).length / values.length;

const show = (value: number, digits = 1): string => (Number.isFinite(value) ? value.toFixed(digits) : '-');

/** One line for each kind with events or alarms. */
export function kindTable({ scores }: RunResult): string {
  const head = ['kind', 'events', 'found', 'recall', 'false', 'delay', 'P95', 'qualified', 'P95'];
  const rows = [...EVENT_KINDS.map((kind) => [kind] as const), EVENT_KINDS].map((kinds) => {
    const figures = alarmFigures(scores, kinds);
    return [
      kinds.length === 1 ? (kinds[0] ?? '') : 'all',
      String(figures.events),
      String(figures.found),
      `${show(figures.recall * 100, 0)} %`,
      String(figures.falseAlarms),
      show(figures.delayMedian),
      show(figures.delayP95),
      show(figures.sinceQualifiedMedian),
      show(figures.sinceQualifiedP95),
    ];
  });
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  return [head, ...rows]
    .map((row) => row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))))
    .map((row) => row.join('  '))
    .join('\n');
}

/** Each miss and each false alarm. */
export function details({ scores }: RunResult): string {
  return scores
    .flatMap(({ scene, events, falseAlarms }) => [
      ...events.map(({ event, alarm }) => {
        const found = alarm === null ? 'MISSED' : `found after ${show(alarm.t - event.start)} s (${alarm.incidentId})`;
        return `${scene} ${event.kind} at ${show(event.start)} s ${event.actors.slice(0, 3).join(' ')}: ${found}`;
      }),
      ...falseAlarms.map(({ kind, t, bboxes, incidentId }) => {
        const boxes = bboxes.map((box) => `[${box.map((side) => side.toFixed(0)).join(' ')}]`).join(' ');
        return `${scene} ${kind} at ${show(t)} s ${boxes}: FALSE (${incidentId})`;
      }),
    ])
    .join('\n');
}

/** Of a run in a crowd. */
export function crowdBar(run: RunResult): Bar {
  const objects = run.frames.reduce((sum, frame) => sum + frame.objects, 0) / run.frames.length;
  return bar(`CPU a frame with ${objects.toFixed(0)} objects`, cpuOf(run), 'ms', '<=', 1);
}

export function bars(run: RunResult, options: RunOptions & { readonly quietHours: number | null }): readonly Bar[] {
  if (options.quietHours !== null) return quietBars(run);
  const { scores, tracks, best, errors, speeds } = run;
  const all = alarmFigures(scores);
  const quiet = alarmFigures(scores.filter(({ isQuiet }) => isQuiet));
  const worst = EVENT_KINDS.map((kind) => alarmFigures(scores, [kind])).filter(({ events }) => events >= FEW);
  const [atOnce, waiting] = [alarmFigures(scores, AT_ONCE), alarmFigures(scores, WAITING)];
  const conflicts = [...errors.ttc, ...errors.pet, ...Array.from({ length: errors.unmeasured }, () => Infinity)];
  const bursts = run.frames.filter(({ burst }) => burst).length;
  const found =
    options.calibration === 'none'
      ? [bar('found of kinds that need no zone', alarmFigures(scores, ZONELESS).recall * 100, '%', '>=', 70)]
      : [
          bar('found', all.recall * 100, '%', '>=', 90),
          bar(
            `least found of a kind with ${FEW} events`,
            Math.min(...worst.map(({ recall }) => recall)) * 100,
            '%',
            '>=',
            75,
          ),
        ];
  return [
    ...found,
    bar('onset to alarm, median', atOnce.delayMedian, 's', '<=', 2.5),
    bar('onset to alarm, P95', atOnce.delayP95, 's', '<=', 6),
    bar('qualified and in view to alarm, P95, of kinds that wait', waiting.sinceQualifiedP95, 's', '<=', 3),
    bar('false alarms in quiet scenes', quiet.falseAlarms, '', '<=', 0),
    bar('false alarms a camera-hour', all.falsePerCameraHour, '', '<=', 4),
    bar('look-back frames of those at 10 fps', (bursts / (run.seconds * FINE_FPS)) * 100, '%', '<=', 20),
    bar('TTC and PET within 0.3 s', share(conflicts, 0.3) * 100, '%', '>=', 90),
    bar('speed of events off, P90', quantile(errors.speedKmh.map(Math.abs), 0.9), 'km/h', '<=', 5),
    bar('speed of tracks off, P90', quantile(speeds, 0.9), 'km/h', '<=', 5),
    bar('IDF1 of the best possible', idf1(tracks) / idf1(best), '', '>=', options.burst ? 0.9 : 0.8),
    bar('CPU a frame', cpuOf(run), 'ms', '<=', 1),
  ];
}

/** Of hours without a staged event. What happens by itself is in the truth. */
function quietBars(run: RunResult): readonly Bar[] {
  const { falseAlarms } = alarmFigures(run.scores);
  return [
    bar(`false alarms in ${show(run.seconds / 3_600)} quiet camera-hours`, falseAlarms, '', '<=', 1),
    bar('CPU a frame', cpuOf(run), 'ms', '<=', 1),
  ];
}

const cpuOf = ({ frames }: RunResult): number => frames.reduce((sum, { ms }) => sum + ms, 0) / frames.length;

export function results(run: RunResult, stages: ReadonlyMap<string, number>): readonly Result[] {
  const one = (measure: string, subject: string, unit: string, value: number): Result =>
    resultOf(measure, subject, unit, [value]);
  const perKind = EVENT_KINDS.flatMap((kind) => {
    const figures = alarmFigures(run.scores, [kind]);
    return [
      one('events', kind, '', figures.events),
      one('found', kind, '', figures.found),
      one('false alarms', kind, '', figures.falseAlarms),
      one('onset to alarm', kind, 's', figures.delayMedian),
      one('qualified to alarm', kind, 's', figures.sinceQualifiedMedian),
    ].filter(({ median: value }) => Number.isFinite(value) && value !== 0);
  });
  const frames = run.frames.length;
  return [
    ...perKind,
    one('scenes', 'played', '', run.scores.length),
    one('frames', 'regular', '', run.frames.filter(({ burst }) => !burst).length),
    one('frames', 'look-back', '', run.frames.filter(({ burst }) => burst).length),
    one('IDF1', 'tracks', '', idf1(run.tracks)),
    one('IDF1', 'best possible', '', idf1(run.best)),
    one('TTC off, median', 'conflicts', 's', median(run.errors.ttc.map(Math.abs))),
    one('PET off, median', 'conflicts', 's', median(run.errors.pet.map(Math.abs))),
    one('speed off, median', 'tracks', 'km/h', median(run.speeds)),
    one('objects', 'a frame', '', run.frames.reduce((sum, { objects }) => sum + objects, 0) / frames),
    ...[...stages].map(([name, ms]) => one('CPU a frame', name, 'ms', ms / frames)),
  ];
}
