import type { ReleaseFigures } from '../http/schemas/releases-schema.ts';
import { textTable } from './text-table.ts';

/** The figures of a release as lines: both ways side by side, their agreement, their differences. Pure. */
export function figuresText(figures: ReleaseFigures): string {
  const parts = [waysText(figures), agreementText(figures), incidentsText(figures), differencesText(figures)];
  return parts.filter((part) => part !== '').join('\n\n');
}

type Way = ReleaseFigures['present'];

const ROWS: readonly (readonly [string, (way: Way) => string])[] = [
  ['judgements', ({ judgements }) => String(judgements)],
  ['alerts', ({ alerts }) => String(alerts)],
  ['unknown', ({ unknownShare }) => percent(unknownShare)],
  ['without an answer', ({ failedShare }) => percent(failedShare)],
  ['latency P50', ({ latencyP50Seconds }) => seconds(latencyP50Seconds)],
  ['latency P95', ({ latencyP95Seconds }) => seconds(latencyP95Seconds)],
  ['cost', ({ cost }) => rounded(cost)],
  ['cost of a judgement', ({ costPerJudgement }) => rounded(costPerJudgement)],
  ['pictures analysed', ({ pictures }) => String(pictures.analysed)],
  ['ms of a picture', ({ pictures }) => rounded(pictures.msPerPicture)],
  ['objects of a picture', ({ pictures }) => rounded(pictures.objectsPerPicture)],
];

const waysText = ({ present, candidate }: ReleaseFigures): string =>
  textTable([['', 'present', 'candidate'], ...ROWS.map(([name, of]) => [name, of(present), of(candidate)])]);

function agreementText({ agreement }: ReleaseFigures): string {
  if (agreement === null) return '';
  const { pairs, sameShare, withinOneStepShare, onlyPresent, onlyCandidate } = agreement;
  return (
    `agreement of ${pairs} pairs: ${percent(sameShare)} at the same level, ${percent(withinOneStepShare)} within one ` +
    `level; alerts of the present way only: ${onlyPresent}, of the candidate only: ${onlyCandidate}`
  );
}

function incidentsText({ incidents }: ReleaseFigures): string {
  const rows = Object.entries(incidents).map(([kind, { both, present, candidate }]) => [
    kind,
    String(both),
    String(present),
    String(candidate),
  ]);
  return rows.length === 0 ? '' : textTable([['incidents', 'both', 'present only', 'candidate only'], ...rows]);
}

function differencesText({ differences }: ReleaseFigures): string {
  if (differences.length === 0) return '';
  const rows = differences.map(({ at, cameraId, raisedBy, present, candidate, imageUrl }) => [
    at,
    cameraId,
    raisedBy,
    `${present} -> ${candidate}`,
    imageUrl ?? '',
  ]);
  return `alerts that only one way raised:\n${textTable([['at', 'camera', 'raised by', 'level', 'picture'], ...rows])}`;
}

const percent = (share: number | null): string => (share === null ? '-' : `${Math.round(share * 1_000) / 10} %`);
const seconds = (value: number | null): string => (value === null ? '-' : `${Math.round(value * 100) / 100} s`);
const rounded = (value: number | null): string => (value === null ? '-' : String(Math.round(value * 10_000) / 10_000));
