import { DASHBOARD, type Panel, type Row } from './dashboard-rows.ts';

/** A third of Grafana's 24 columns. */
const WIDTH = 8;
const HEIGHT = 8;
const ACROSS = 24 / WIDTH;
/** The dashboard schema of Grafana 11. */
const SCHEMA_VERSION = 39;
const DATA_SOURCE = { type: 'prometheus', uid: '${datasource}' } as const;

/** The dashboard in Grafana's JSON model. */
export function grafanaDashboard(rows: readonly Row[] = DASHBOARD): object {
  return {
    uid: 'gantry',
    title: 'Gantry',
    tags: ['gantry'],
    description: 'Made by bin/make-monitoring.mjs: change src/monitoring/dashboard-rows.ts.',
    schemaVersion: SCHEMA_VERSION,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: '10s',
    time: { from: 'now-1h', to: 'now' },
    timezone: 'browser',
    templating: { list: VARIABLES },
    annotations: { list: [] },
    links: [],
    panels: panelsOf(rows),
  };
}

const chosenFrom = (name: string, label: string, query: string): object => ({
  name,
  label,
  type: 'query',
  datasource: DATA_SOURCE,
  query: { query, refId: name },
  definition: query,
  includeAll: true,
  allValue: '.*',
  multi: true,
  current: { selected: true, text: ['All'], value: ['$__all'] },
  // At each change of the time range: cameras and nodes come and go.
  refresh: 2,
  sort: 1,
});

const VARIABLES: readonly object[] = [
  { name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus' },
  chosenFrom('instance', 'Node', 'label_values(up{job="gantry"}, instance)'),
  chosenFrom('camera', 'Camera', 'label_values(detection_total{instance=~"$instance"}, camera_id)'),
];

function panelsOf(rows: readonly Row[]): readonly object[] {
  let [id, y] = [0, 0];
  return rows.flatMap(({ title, panels }) => {
    const top = y + 1;
    const header = { id: ++id, type: 'row', title, collapsed: false, gridPos: { x: 0, y, w: 24, h: 1 }, panels: [] };
    y = top + Math.ceil(panels.length / ACROSS) * HEIGHT;
    return [
      header,
      ...panels.map((panel, index) => ({
        id: ++id,
        gridPos: {
          x: (index % ACROSS) * WIDTH,
          y: top + Math.floor(index / ACROSS) * HEIGHT,
          w: WIDTH,
          h: HEIGHT,
        },
        ...grafanaPanel(panel),
      })),
    ];
  });
}

const TYPES = { lines: 'timeseries', areas: 'timeseries', numbers: 'stat', 'heat map': 'heatmap' } as const;

function grafanaPanel(panel: Panel): object {
  const { title, description, kind, unit, alarming } = panel;
  const red = alarming === undefined ? [] : [{ color: 'red', value: alarming }];
  return {
    type: TYPES[kind],
    title,
    ...(description === undefined ? {} : { description }),
    datasource: DATA_SOURCE,
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        custom: customOf(kind, alarming),
        thresholds: { mode: 'absolute', steps: [{ color: 'green', value: null }, ...red] },
      },
      overrides: [],
    },
    options: optionsOf(kind, unit),
    targets: panel.queries.map(({ expr, legend, exemplars }, index) => ({
      refId: String.fromCodePoint('A'.charCodeAt(0) + index),
      datasource: DATA_SOURCE,
      editorMode: 'code',
      expr,
      legendFormat: legend,
      format: kind === 'heat map' ? 'heatmap' : 'time_series',
      exemplar: exemplars ?? false,
      instant: kind === 'numbers',
      range: kind !== 'numbers',
    })),
  };
}

function customOf(kind: Panel['kind'], alarming: number | undefined): object {
  if (kind === 'numbers' || kind === 'heat map') return {};
  return {
    lineWidth: 1,
    fillOpacity: kind === 'areas' ? 30 : 0,
    showPoints: 'never',
    stacking: { mode: kind === 'areas' ? 'normal' : 'none', group: 'A' },
    thresholdsStyle: { mode: alarming === undefined ? 'off' : 'dashed' },
  };
}

function optionsOf(kind: Panel['kind'], unit: Panel['unit']): object {
  if (kind === 'numbers')
    return {
      colorMode: 'value',
      graphMode: 'none',
      textMode: 'value_and_name',
      reduceOptions: { calcs: ['lastNotNull'] },
    };
  // Prometheus' buckets are cumulative; Grafana takes them apart.
  if (kind === 'heat map')
    return { calculate: false, yAxis: { unit }, color: { mode: 'scheme', scheme: 'Oranges' }, cellGap: 0 };
  return { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } };
}
