import type { Detection, DetectedObject, ObjectClass, PublishedGroup } from '../messages/detection.ts';
import type { MeasuredIncident } from '../messages/incident.ts';

const VEHICLES: ReadonlySet<ObjectClass> = new Set<ObjectClass>(['bicycle', 'car', 'motorcycle', 'bus', 'truck']);

/** An incident as the group of its road users, one or more. */
export interface IncidentGroup {
  readonly group: PublishedGroup;
  readonly members: readonly DetectedObject[];
}

/**
 * Those who take part in an incident, as a group named by its `incidentId`. Distances between them are those of the
 * incident's evidence, in metres, so the features in px are counts and speeds only. Null when none of them is seen in
 * the frame. Pure.
 */
export function incidentGroup(
  incident: MeasuredIncident,
  { detectedObjects }: Pick<Detection, 'detectedObjects'>,
): IncidentGroup | null {
  const memberIndices = incident.objects.filter((index) => detectedObjects[index] !== undefined);
  const members = memberIndices.flatMap((index) => detectedObjects[index] ?? []);
  if (members.length === 0) return null;
  const speeds = members.flatMap(({ velocity }) => (velocity === null ? [] : [Math.hypot(...velocity)]));
  const confidence = members.reduce((sum, member) => sum + member.confidence, 0) / members.length;
  const group: PublishedGroup = {
    groupIndex: incident.subjectIndex,
    groupId: incident.incidentId,
    objectCount: members.length,
    classes: [...new Set(members.map((member) => member.class))].toSorted(),
    bbox: incident.bbox,
    averageConfidence: Math.round(confidence * 10_000) / 10_000,
    memberIndices,
    features: {
      density: 0,
      meanSpacing: 0,
      minSpacing: 0,
      vehicleCount: members.filter((member) => VEHICLES.has(member.class)).length,
      personCount: members.filter((member) => member.class === 'person').length,
      minPersonVehicleDistance: null,
      maxSpeed: speeds.length === 0 ? null : Math.round(Math.max(...speeds) * 10) / 10,
      maxClosingSpeed: null,
    },
    cropId: incident.cropId,
    ...(incident.earlier === undefined ? {} : { earlier: incident.earlier }),
  };
  return { group, members };
}

/** The incidents of a frame in which a member of the group takes part, the most severe first. */
export const incidentsIn = <I extends MeasuredIncident>(
  { memberIndices }: Pick<PublishedGroup, 'memberIndices'>,
  incidents: readonly I[],
): readonly I[] => {
  const members = new Set(memberIndices);
  return incidents
    .filter(({ mergedInto, objects }) => mergedInto === undefined && objects.some((index) => members.has(index)))
    .toSorted((a, b) => STEPS[b.severity] - STEPS[a.severity]);
};
const STEPS: Readonly<Record<MeasuredIncident['severity'], number>> = { low: 0, medium: 1, high: 2 };
