/**
 * Entry of a subject's process: `node subject-process.ts NAME`. Measures when told, so that subjects can take turns.
 */
import { SUBJECTS, type MeasureName, type SubjectModule } from './subject.ts';

export interface Order {
  readonly measure: MeasureName;
  readonly count: number;
}
export type Answer =
  | { readonly measures: readonly MeasureName[] }
  | { readonly ms: number }
  | { readonly error: string };

const name = SUBJECTS.find((each) => each === process.argv[2]);
if (name === undefined)
  throw new Error(`subject-process.ts takes one of ${SUBJECTS.join(', ')}, not "${process.argv[2] ?? ''}"`);
const answer = (value: Answer): void => {
  process.send?.(value);
};

const module: SubjectModule = await import(`./subjects/${name}.ts`);
const subject = await module.create();

process.on('message', (order: Order | 'close') => {
  if (order === 'close') {
    void subject.close().then(() => process.disconnect());
    return;
  }
  const measure = subject.measures[order.measure];
  if (measure === undefined) throw new Error(`${name} has no measure "${order.measure}"`);
  measure(order.count).then(
    (ms) => answer({ ms }),
    (thrown: unknown) => answer({ error: thrown instanceof Error ? thrown.message : String(thrown) }),
  );
});
answer({ measures: Object.keys(subject.measures) as MeasureName[] });
