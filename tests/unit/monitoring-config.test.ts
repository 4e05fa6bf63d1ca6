import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { MonitoringSettings } from '../../src/app/monitoring-settings.ts';
import { ALERT_RULES } from '../../src/monitoring/alert-rules.ts';
import { DEFAULT_MONITORING, parseMonitoring, readMonitoring } from '../../src/monitoring/monitoring-config.ts';
import { parseYaml } from '../../src/storage/yaml.ts';
import { memoryLog } from '../support/log.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const ruleOf = (raw: unknown, name: string) => {
  const found = parseMonitoring(raw, 'the file').rules.find((rule) => rule.name === name);
  assert.ok(found);
  return found;
};

describe('the file of alert rules', () => {
  it('changes what it names, and keeps both thresholds in proportion', () => {
    const rule = ruleOf(
      { rules: { end_to_end_latency: { threshold: 5, for_seconds: 10, severity: 'critical' } } },
      'end_to_end_latency',
    );
    assert.deepEqual(
      [rule.threshold, rule.clearThreshold, rule.forSeconds, rule.clearSeconds, rule.severity],
      [5, 4, 10, 60, 'critical'],
    );
    const off = parseMonitoring({ rules: { cpu_usage: { enabled: false } } }, 'the file');
    assert.deepEqual(
      off.disabled.map(({ name }) => name),
      ['cpu_usage'],
    );
    assert.equal(off.rules.length, DEFAULT_MONITORING.rules.length - 1);
    assert.ok(!off.rules.some(({ prometheusOnly }) => prometheusOnly));
  });

  const refused: Readonly<Record<string, readonly [unknown, RegExp]>> = {
    'an unknown rule, by its name': [
      { rules: { cpu: {} } },
      /rules\.cpu: is no rule \("cpu"\); the rules are .*cpu_usage/u,
    ],
    'a rule that only Prometheus has': [{ rules: { not_scraped: {} } }, /is no rule/u],
    'an unknown field': [{ rules: { cpu_usage: { above: 1 } } }, /rules\.cpu_usage\.above: there is no such field/u],
    'a threshold that is no number': [
      { rules: { cpu_usage: { threshold: 'high' } } },
      /rules\.cpu_usage\.threshold: .*"high"/u,
    ],
    'a share over 1': [
      { rules: { cpu_usage: { threshold: 80 } } },
      /threshold: must be a share from 0 to 1.*it is 80/u,
    ],
    'a clear threshold on the wrong side': [
      { rules: { cpu_usage: { threshold: 0.5, clear_threshold: 0.6 } } },
      /clear_threshold: must be at most the threshold, 0\.5 \(it is 0\.6\)/u,
    ],
    'a silence of an unknown rule': [
      { silences: [{ rule: 'cpu', until: '2026-01-02T03:04:05Z', reason: 'x' }] },
      /silences\[0\]\.rule: is no rule/u,
    ],
    'a silence without a time': [
      { silences: [{ rule: 'cpu_usage', until: 'soon', reason: 'x' }] },
      /silences\[0\]\.until: .*"soon"/u,
    ],
  };
  for (const [what, [raw, expected]] of Object.entries(refused))
    it(`refuses ${what}`, () => {
      assert.throws(
        () => parseMonitoring(raw, 'monitoring.yaml'),
        (error: Error) => {
          assert.match(error.message, expected);
          assert.match(error.message, /^monitoring\.yaml: /u);
          return true;
        },
      );
    });

  it('never shows the password of a hook', () => {
    assert.throws(
      () => parseMonitoring({ hook_urls: ['ftp://ann:secret-word@hooks.example/x'] }, 'the file'),
      (error: Error) => !error.message.includes('secret-word') && error.message.includes('hook_urls[0]'),
    );
  });

  it('has an example with every rule at its default', async () => {
    const path = join(import.meta.dirname, '..', '..', 'config', 'monitoring.example.yaml');
    const read = await readMonitoring(path);
    assert.deepEqual(read, DEFAULT_MONITORING);
    const raw = parseYaml(await readFile(path, 'utf8'), path) as { rules: Record<string, object> };
    const own = ALERT_RULES.filter(({ prometheusOnly }) => !prometheusOnly).map(({ name }) => name);
    assert.deepEqual(Object.keys(raw.rules), own);
  });

  it('is read again when it changes; one that cannot be used changes nothing, and is told', async (t) => {
    const file = join(temporaryFolder(), 'monitoring.yaml');
    const log = memoryLog();
    const settings = await MonitoringSettings.open(file, log);
    t.after(() => settings.close());
    assert.deepEqual(settings.now, DEFAULT_MONITORING, 'it need not exist');
    const threshold = (): number | undefined => settings.now.rules.find(({ name }) => name === 'cpu_usage')?.threshold;
    await writeFile(file, 'rules: { cpu_usage: { threshold: 0.5 } }');
    await settings.read();
    assert.equal(threshold(), 0.5);
    await writeFile(file, 'rules: { cpu_usage: { threshold: 50 } }');
    await settings.read();
    assert.equal(threshold(), 0.5);
    assert.match(settings.problem ?? '', /as before.*cpu_usage\.threshold/u);
    await writeFile(file, 'rules: [');
    await settings.read();
    assert.match(settings.problem ?? '', /YAML/u);
    await writeFile(file, '');
    await settings.read();
    assert.deepEqual([threshold(), settings.problem], [0.8, null]);
  });
});
