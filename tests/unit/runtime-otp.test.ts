import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { defineActor } from '../../src/runtime/actor.ts';
import type { SupervisorSnapshot, SystemEvent } from '../../src/runtime/inspect.ts';
import { address } from '../../src/runtime/ref.ts';
import {
  type AutoShutdown,
  child,
  type ChildSpec,
  dynamic,
  type Restart,
  type Strategy,
  supervisor,
} from '../../src/runtime/supervision.ts';
import { type ActorSystem, startSystem } from '../../src/runtime/system.ts';
import { ManualClock } from '../../src/runtime/testing/manual-clock.ts';
import { memoryLog } from '../support/log.ts';

/** What a real OTP supervisor did in each case; see tests/otp/traces.escript. */
interface Case {
  readonly strategy: 'one_for_one' | 'one_for_all' | 'rest_for_one' | 'simple_one_for_one';
  readonly restart: Restart;
  readonly siblings?: Restart;
  readonly reason: string;
  readonly position?: 'first' | 'middle' | 'last';
  readonly auto_shutdown?: 'never' | 'any_significant' | 'all_significant';
  readonly significant?: readonly string[];
  readonly exits?: readonly string[];
  readonly intensity?: number;
  readonly failures?: readonly number[];
  readonly ended_by?: number | null;
  readonly shutdown?: Readonly<Record<string, number | 'brutal_kill'>>;
  readonly ignores?: readonly string[];
  readonly ends?: Readonly<Record<string, string>>;
  readonly ordered?: boolean;
  readonly children?: Readonly<Record<string, 'untouched' | 'restarted' | 'gone'>>;
  readonly events?: readonly string[];
  readonly supervisor: string;
}
type Section = 'decisions' | 'mixed' | 'auto_shutdown' | 'intensity' | 'stop' | 'start_failure';
const traces = JSON.parse(readFileSync(join(import.meta.dirname, '..', 'otp', 'traces.json'), 'utf8')) as Readonly<
  Record<Section, readonly Case[]>
>;

const IDS = ['a', 'b', 'c'] as const;
const POSITION = { first: 'a', middle: 'b', last: 'c' } as const;
const STRATEGY: Readonly<Record<Case['strategy'], Strategy>> = {
  one_for_one: 'one-for-one',
  one_for_all: 'one-for-all',
  rest_for_one: 'rest-for-one',
  simple_one_for_one: 'one-for-one',
};
const AUTO: Readonly<Record<string, AutoShutdown>> = {
  never: 'never',
  any_significant: 'any-significant',
  all_significant: 'all-significant',
};

interface World {
  readonly events: string[];
  readonly failStart?: string | undefined;
  readonly ignores: readonly string[];
}
type SubjectMessage = { type: 'end'; reason: string };

/** Notes its start, its own end and its stop; ends with the requested reason. */
const subjectActor = defineActor<SubjectMessage>()<{ id: string; world: World }>({
  kind: 'subject',
  mailbox: { capacity: 10, overflow: 'refuse' },
  start: (ctx, { id, world }) => {
    let leaving = false;
    if (world.failStart === id) {
      world.events.push(`fail ${id}`);
      throw new Error('boom');
    }
    world.events.push(`start ${id}`);
    return {
      handlers: {
        end: ({ reason }) => {
          leaving = true;
          world.events.push(`exit ${id}`);
          if (reason === 'normal') ctx.exit('normal');
          else if (reason.includes('shutdown')) ctx.exit('shutdown');
          else throw new Error(reason);
        },
      },
      stop: () => {
        if (!leaving) world.events.push(`stop ${id}`);
        return world.ignores.includes(id) ? new Promise<void>(() => undefined) : undefined;
      },
    };
  },
});

interface Stage {
  readonly clock: ManualClock;
  readonly system: ActorSystem;
  readonly world: World;
  readonly happened: SystemEvent[];
  end(id: string, reason: string): Promise<void>;
  sut(): SupervisorSnapshot | undefined;
}

/** A supervisor `/sut` as the case describes it, under a root that does not restart it. */
async function stage(given: Case): Promise<Stage> {
  const world: World = {
    events: [],
    ignores: given.ignores ?? [],
    failStart: given.events?.find((event) => event.startsWith('fail '))?.slice(5),
  };
  const backoff = { minMs: 0, maxMs: 0 };
  const focus = given.position === undefined ? null : POSITION[given.position];
  const specOf = (id: string): ChildSpec => {
    const timeout = given.shutdown?.[id];
    return child(id, subjectActor, () => ({ id, world }), {
      restart: given.siblings === undefined || id === focus ? given.restart : given.siblings,
      significant: given.significant?.includes(id) ?? false,
      backoff,
      ...(typeof timeout === 'number' ? { shutdownTimeoutMs: timeout } : {}),
    });
  };
  const options = {
    intensity: { maxRestarts: given.intensity ?? 1000, withinMs: 1_000 },
    autoShutdown: AUTO[given.auto_shutdown ?? 'never']!,
    restart: 'temporary' as const,
  };
  const isDynamic = given.strategy === 'simple_one_for_one';
  const sut = isDynamic
    ? dynamic('sut', options)
    : supervisor('sut', IDS.map(specOf), { ...options, strategy: STRATEGY[given.strategy] });
  const clock = new ManualClock();
  const happened: SystemEvent[] = [];
  const system = await startSystem(supervisor('root', [sut]), {
    log: memoryLog(),
    clock,
    random: () => 0,
    onEscalation: (error) => assert.fail(error),
  });
  system.subscribe((event) => happened.push(event));
  if (isDynamic) for (const id of IDS) await system.startChild('/sut', specOf(id));
  return {
    clock,
    system,
    world,
    happened,
    end: async (id, reason) => {
      system.ref(address<SubjectMessage>(`/sut/${id}`)).tell({ type: 'end', reason });
      await clock.advance(1);
    },
    sut: () => {
      const root = system.snapshot();
      const found = root.type === 'supervisor' ? root.children[0] : undefined;
      return found?.type === 'supervisor' ? found : undefined;
    },
  };
}

function fate(of: Stage): Record<string, string> {
  const children = of.sut()?.children ?? [];
  return Object.fromEntries(
    IDS.map((id) => {
      const found = children.find((each) => each.path === `/sut/${id}`);
      if (found?.type !== 'actor' || found.state !== 'running') return [id, 'gone'];
      return [id, found.incarnation === 1 ? 'untouched' : 'restarted'];
    }),
  );
}

const supervisorOf = (of: Stage): string => (of.sut()?.state === 'running' ? 'alive' : 'shutdown');
const nameOf = (given: Case): string =>
  JSON.stringify({ ...given, children: undefined, events: undefined, supervisor: undefined });

async function compare(given: Case, exits: readonly string[]): Promise<void> {
  const on = await stage(given);
  on.world.events.length = 0;
  for (const id of exits) await on.end(id, given.reason);
  const seen = { children: fate(on), events: on.world.events, supervisor: supervisorOf(on) };
  assert.deepEqual(
    seen,
    { children: given.children, events: given.events, supervisor: given.supervisor },
    nameOf(given),
  );
  await on.system.stop();
}

describe('supervision decides as Erlang/OTP does', () => {
  for (const section of ['decisions', 'mixed'] as const) {
    test(`${section}: ${traces[section].length} cases of strategy, restart type, reason and position`, async () => {
      assert.ok(traces[section].length >= 24);
      for (const given of traces[section]) await compare(given, [POSITION[given.position!]]);
    });
  }

  test(`auto-shutdown: ${traces.auto_shutdown.length} cases of significant children`, async () => {
    let refused = 0;
    for (const given of traces.auto_shutdown) {
      if (given.supervisor.startsWith('{refused')) {
        refused += 1;
        await assert.rejects(stage(given), { code: 'BAD_DEFINITION', message: /significant/ }, nameOf(given));
      } else await compare(given, given.exits!);
    }
    assert.ok(refused > 0);
  });

  test(`restart intensity: ${traces.intensity.length} cases give up at exactly the same failure`, async (t) => {
    assert.ok(traces.intensity.length > 0);
    for (const given of traces.intensity) {
      const on = await stage(given);
      t.after(() => on.system.stop());
      let endedBy: number | null = null;
      for (const [index, gap] of given.failures!.entries()) {
        await on.clock.advance(gap);
        await on.end('a', given.reason);
        if (supervisorOf(on) === 'alive') continue;
        endedBy = index + 1;
        break;
      }
      assert.equal(endedBy, given.ended_by, nameOf(given));
    }
  });

  test('stop: in reverse order, and a child that ignores it is left behind at its time-out', async () => {
    // OTP's brutal_kill does not ask at all; here every stop is asked for first.
    const cases = traces.stop.filter(({ shutdown }) => !Object.values(shutdown ?? {}).includes('brutal_kill'));
    assert.ok(cases.length >= 12);
    for (const given of cases) {
      const on = await stage(given);
      on.world.events.length = 0;
      const stopped = on.system.stop();
      await on.clock.advance(10_000);
      await stopped;
      if (given.ordered === false)
        assert.deepEqual(on.world.events.toSorted(), [...given.events!].toSorted(), nameOf(given));
      else assert.deepEqual(on.world.events, given.events, nameOf(given));
      const forced = on.happened.flatMap((event) =>
        event.type === 'stopped' && event.forced ? [event.path.at(-1)!] : [],
      );
      assert.deepEqual(
        forced.toSorted(),
        IDS.filter((id) => given.ends![id] === 'killed'),
        nameOf(given),
      );
    }
  });

  test('a first start that fails stops what had started, in reverse order', async () => {
    for (const given of traces.start_failure) {
      if (given.strategy === 'simple_one_for_one') continue;
      const world: World = {
        events: [],
        ignores: [],
        failStart: given.events!.find((event) => event.startsWith('fail '))!.slice(5),
      };
      const children = IDS.map((id) => child(id, subjectActor, () => ({ id, world }), { restart: given.restart }));
      await assert.rejects(
        startSystem(supervisor('sut', children, { strategy: STRATEGY[given.strategy] }), {
          log: memoryLog(),
          clock: new ManualClock(),
          onEscalation: () => undefined,
        }),
        /boom/,
      );
      assert.deepEqual(world.events, given.events, nameOf(given));
    }
  });
});
