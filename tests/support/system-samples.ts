import type { BudgetReport } from '../../src/http/schemas/budget-schema.ts';
import type { DryRunReport } from '../../src/http/schemas/dry-run-schema.ts';
import { FLOW_STAGES, type FlowReport, type NodeList } from '../../src/http/schemas/system-schema.ts';

/** A dry run over a minute in which nothing happened. */
export const dryRunReport: DryRunReport = {
  from: '2026-01-02T03:04:05.000Z',
  to: '2026-01-02T03:05:05.000Z',
  frames: 60,
  recorded: 60,
  incidents: [],
  counts: {},
  withoutScene: { speeding: 1 },
  problem: null,
};

/** Two processes, one of them away. */
export const nodes: NodeList = {
  nodes: [
    {
      nodeId: 'node-1',
      state: 'present',
      roles: ['cameras', 'web'],
      version: '0.1.0',
      startedAt: '2026-01-02T03:04:05.000Z',
      url: 'http://127.0.0.1:8080',
      cameras: 2,
      here: true,
      seenAt: '2026-01-02T03:05:05.000Z',
    },
    {
      nodeId: 'node-2',
      state: 'away',
      roles: ['scheduler'],
      version: '0.1.0',
      startedAt: '2026-01-02T03:04:05.000Z',
      url: null,
      cameras: 0,
      here: false,
      seenAt: '2026-01-02T03:04:15.000Z',
    },
  ],
};
export const flow: FlowReport = {
  stages: FLOW_STAGES.map((name) => ({
    name,
    nodes: 1,
    perSecond: 2.5,
    waiting: 0,
    oldestMs: null,
    lag: name === 'feed' ? null : 0,
    shed: name === 'scheduler' ? [{ reason: 'budget', count: 4 }] : [],
    failed: 0,
  })),
};

export const budget: BudgetReport = {
  calls: {
    allowed_per_minute: 180,
    used_last_minute: 170,
    wasted_last_minute: 2,
    used: 900,
    wasted: 9,
    answer_ms: 1_100,
    price: 0.2,
  },
  questions: {
    asked: 890,
    superseded: 40,
    carried: 300,
    budget: 700,
    per_minute: 320,
    by_camera: [
      {
        camera_id: 'north',
        asked: 890,
        superseded: 40,
        carried: 300,
        budget: 700,
        calls_last_minute: 9,
        calls_today: 90,
        cost_today: 0.4,
      },
    ],
  },
  freshness: { limit_seconds: 2, p50_seconds: 1.2, p95_seconds: 1.9, reached: true },
  keys: { present: 2, needed: 4 },
  limits: [
    { key: 'key-1', limit: 'rpm', used: 9, of: 60 },
    { key: null, limit: 'day', used: 0.4, of: 5 },
  ],
  cooling: [{ key: 'key-2', until: '2026-01-02T03:04:15.000Z', seconds: 10, notice: 'rests after RATE_LIMITED' }],
  cost_today: 0.4,
  tokens_per_call: { prompt: 810, completion: 60 },
  short_since: '2026-01-02T03:04:05.000Z',
};
