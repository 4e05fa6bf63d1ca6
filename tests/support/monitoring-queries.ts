import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { PROJECT_ROOT } from '../../src/provision/folders.ts';

export const DEPLOY = join(PROJECT_ROOT, 'deploy');

const Dashboard = z.object({
  panels: z.array(
    z.object({
      title: z.string(),
      targets: z.array(z.object({ expr: z.string(), legendFormat: z.string() })).default([]),
    }),
  ),
});
const RuleFile = z.object({
  groups: z.array(z.object({ rules: z.array(z.object({ alert: z.string(), expr: z.string() })) })),
});

export interface DeployedQuery {
  /** The panel or the rule that asks it. */
  readonly of: string;
  /** With a value in the place of each of Grafana's variables. */
  readonly expr: string;
  readonly legend: string;
}

/** Every query of the dashboard and of the rules, read from the files that operators get. */
export async function deployedQueries(): Promise<DeployedQuery[]> {
  const dashboard = Dashboard.parse(JSON.parse(await readFile(join(DEPLOY, 'grafana', 'gantry.json'), 'utf8')));
  const rules = RuleFile.parse(parse(await readFile(join(DEPLOY, 'prometheus', 'rules.yml'), 'utf8')));
  return [
    ...dashboard.panels.flatMap(({ title, targets }) =>
      targets.map(({ expr, legendFormat }) => ({ of: title, expr: withValues(expr), legend: legendFormat })),
    ),
    ...rules.groups.flatMap((group) => group.rules.map(({ alert, expr }) => ({ of: alert, expr, legend: '' }))),
  ];
}

const withValues = (expr: string): string =>
  expr.replaceAll('$__rate_interval', '1m').replaceAll(/\$(?:instance|camera)\b/gu, '.*');
