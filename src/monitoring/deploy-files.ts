import { stringify } from 'yaml';
import { grafanaDashboard } from './grafana-dashboard.ts';
import { prometheusRuleTests } from './prometheus-rule-tests.ts';
import { prometheusRules } from './prometheus-rules.ts';

const MADE = '# Made by bin/make-monitoring.mjs from src/monitoring: change the lists there, then run it.\n';

/** The files of `deploy/` that are made from the lists of metrics, rules and panels: text by path. */
export const deployFiles = (): ReadonlyMap<string, string> =>
  new Map([
    ['deploy/grafana/gantry.json', `${JSON.stringify(grafanaDashboard(), null, 2)}\n`],
    ['deploy/prometheus/rules.yml', yaml(prometheusRules())],
    ['deploy/prometheus/rules.test.yml', yaml(prometheusRuleTests())],
  ]);

const yaml = (value: object): string => MADE + stringify(value, { lineWidth: 120, aliasDuplicateObjects: false });
