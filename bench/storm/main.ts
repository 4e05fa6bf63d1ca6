/**
 * `npm run bench:storm [-- --json] [-- --quick]`: storms of alerts on a whole Gantry, from the stream ALERTS to an
 * operator's `/ws`. Each storm is 5,000 events in ten minutes with 20 true ones, see `tests/support/alarm-storms.ts`.
 * The alerts carry the times of those ten minutes and are sent within half a minute: the guard goes by their times.
 *
 * Counted is what the operator gets: calls in the worst ten minutes, and true events among the first 20 members of an
 * alarm, both in some message and in the last one. The guard does not know which are true.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from 'nats';
import type { Alarm } from '../../src/messages/alarm.ts';
import { subjects } from '../../src/messages/subjects.ts';
import { natsOptions } from '../../src/servers/nats-url.ts';
import { makeStorm, STORM_MS, type Storm, STORMS, type StormKind } from '../../tests/support/alarm-storms.ts';
import { startTestGantry } from '../../tests/support/gantry.ts';
import { temporaryFolder } from '../../tests/support/temporary-folder.ts';
import { bar, machine, print, readOptions, type Result, resultOf } from '../harness.ts';

const options = readOptions(process.argv.slice(2));
/** Alerts sent at once, and the pause after them. */
const BATCH = 100;
const PAUSE_MS = 250;
/** Revisions of alarms are told twice a second. */
const SETTLE_MS = 2_000;
/** Members that an operator sees of an alarm without a step. */
const SHOWN = 20;

interface Outcome {
  readonly kind: StormKind;
  readonly alarms: number;
  /** In the worst ten minutes. */
  readonly calls: number;
  /** True events that some message, or the last one of an alarm, showed. */
  readonly seen: number;
  readonly atEnd: number;
}

async function send(storm: Storm, natsUrl: string): Promise<void> {
  const nc = await connect(natsOptions(natsUrl));
  try {
    const js = nc.jetstream();
    for (let first = 0; first < storm.alerts.length; first += BATCH) {
      const batch = storm.alerts.slice(first, first + BATCH);
      // Over one connection, the stream keeps the order in which they are sent.
      await Promise.all(
        batch.map((alert) =>
          js.publish(subjects.alert(alert.cameraId), JSON.stringify(alert), {
            msgID: `${alert.requestId} ${alert.revision}`,
          }),
        ),
      );
      await delay(PAUSE_MS);
    }
  } finally {
    await nc.close();
  }
}

async function measure(kind: StormKind): Promise<Outcome> {
  console.log(`a storm, ${kind} ...`);
  const gantry = await startTestGantry(temporaryFolder());
  const got: (Alarm & { readonly announce: boolean })[] = [];
  const socket = new WebSocket(`${gantry.url.replace('http', 'ws')}/ws`);
  try {
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve);
      socket.addEventListener('error', () => reject(new Error('the live feed could not be opened')));
    });
    socket.addEventListener('message', ({ data }) => {
      const message: { readonly type: string; readonly data: Alarm & { readonly announce: boolean } } = JSON.parse(
        String(data),
      );
      if (message.type === 'alarm') got.push(message.data);
    });
    const storm = makeStorm({ kind, seed: 1, start: Date.now() - STORM_MS - 10_000 });
    await send(storm, gantry.natsUrl);
    await delay(SETTLE_MS);
    return outcomeOf(kind, storm, got);
  } finally {
    socket.close();
    await gantry.stop();
  }
}

function outcomeOf(kind: StormKind, storm: Storm, got: readonly (Alarm & { readonly announce: boolean })[]): Outcome {
  const newest = new Map(got.map((alarm) => [alarm.alarmId, alarm]));
  const shown = (alarms: Iterable<Alarm>): number => {
    const ids = new Set([...alarms].flatMap(({ members }) => members.slice(0, SHOWN).map((one) => one.incidentId)));
    return [...storm.trueOnes].filter((id) => ids.has(id)).length;
  };
  const times = got.filter(({ announce }) => announce).map(({ updatedAt }) => Date.parse(updatedAt));
  const within = (from: number): number => times.filter((at) => at >= from && at < from + STORM_MS).length;
  return {
    kind,
    alarms: newest.size,
    calls: Math.max(0, ...times.map(within)),
    seen: shown(got),
    atEnd: shown(newest.values()),
  };
}

const kinds: readonly StormKind[] = options.quick ? ['everywhere'] : STORMS;
const outcomes: Outcome[] = [];
for (const kind of kinds) outcomes.push(await measure(kind));
const results: Result[] = outcomes.flatMap(({ kind, alarms, calls, seen, atEnd }) => [
  resultOf('alarms', kind, '', [alarms]),
  resultOf('calls in ten minutes', kind, '', [calls]),
  resultOf('true events shown in some message, of 20', kind, '', [seen]),
  resultOf('true events shown at the end, of 20', kind, '', [atEnd]),
]);
const bars = [
  bar('most calls in ten minutes', Math.max(...outcomes.map(({ calls }) => calls)), '', '<=', 10),
  bar('most alarms', Math.max(...outcomes.map(({ alarms }) => alarms)), '', '<=', 10),
  bar('least true events shown, of 20', Math.min(...outcomes.map(({ atEnd }) => atEnd)), '', '>=', 20),
  bar('calls, in the quietest storm', Math.min(...outcomes.map(({ calls }) => calls)), '', '>=', 1),
];
print({ name: 'bench:storm', machine: machine(), results, bars }, options);
process.exitCode = bars.every(({ ok }) => ok) ? 0 : 1;
