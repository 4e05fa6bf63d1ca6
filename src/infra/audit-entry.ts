import { isDeepStrictEqual } from 'node:util';
import { type AuditActor, type AuditEntry, type AuditNote, MOST_AUDIT_VALUE } from '../messages/audit.ts';
import { MOST } from '../messages/bounds.ts';
import { redactShort } from './redact.ts';
import { shownParts } from './secret-fields.ts';

/** A scene has lists of points within lists of zones. */
const BOUNDS = { parts: 200, depth: 8, text: 500 };
/** Bytes kept of a value that is too long: as a text within JSON, quotes and backslashes double. */
const KEPT_BYTES = MOST_AUDIT_VALUE / 2 - 64;
/** The mark of a cut text and its length need room too. */
const MOST_TARGET = MOST.name - 50;

/** The entry of a change, with its secrets hidden and its values cut. `at`: epoch ms. Pure. */
export const auditEntry = (actor: AuditActor, note: AuditNote, at: number): AuditEntry => ({
  at: new Date(at).toISOString(),
  who: redactShort(actor.who, MOST_TARGET) || '?',
  role: actor.role,
  via: actor.via,
  address: actor.address.slice(0, 100),
  action: note.action,
  target: redactShort(note.target, MOST_TARGET),
  cameraId: note.cameraId ?? null,
  before: auditValue(note.before),
  after: auditValue(note.after),
});

/** The value as JSON can hold it, at most {@link MOST_AUDIT_VALUE} bytes of it. */
function auditValue(value: unknown): unknown {
  const json = JSON.stringify(shownParts(value ?? null, BOUNDS)) ?? 'null';
  const bytes = Buffer.from(json);
  if (bytes.length <= MOST_AUDIT_VALUE) return JSON.parse(json);
  return { cut: bytes.length, text: bytes.subarray(0, KEPT_BYTES).toString('utf8') };
}

/** The fields of two objects that differ, as the values before and after a change. Pure. */
export function changedFields(before: object, after: object): { readonly before: object; readonly after: object } {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  const changed = [...names].filter((name) => !isDeepStrictEqual(Reflect.get(before, name), Reflect.get(after, name)));
  const of = (value: object): object =>
    Object.fromEntries(
      changed.flatMap((name) => (Object.hasOwn(value, name) ? [[name, Reflect.get(value, name)]] : [])),
    );
  return { before: of(before), after: of(after) };
}
