import type { Box, DetectedObject, TrafficGroup } from '../messages/detection.ts';
import type { MeasuredIncident } from '../messages/incident.ts';
import { CROP_MARGIN, MOST_DESCRIBED } from '../messages/scene-constants.ts';

/** A rectangle of whole pixels inside a frame, at least 1x1. */
export interface CropRectangle {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** The part of a frame that shows `box` with `margin` px around it, clipped to the frame; in px of its display size. */
export function cropRectangle(box: Box, frameWidth: number, frameHeight: number, margin = CROP_MARGIN): CropRectangle {
  const left = Math.min(Math.max(0, Math.floor(box[0] - margin)), frameWidth - 1);
  const top = Math.min(Math.max(0, Math.floor(box[1] - margin)), frameHeight - 1);
  const right = Math.max(left + 1, Math.min(frameWidth, Math.ceil(box[2] + margin)));
  const bottom = Math.max(top + 1, Math.min(frameHeight, Math.ceil(box[3] + margin)));
  return { left, top, width: right - left, height: bottom - top };
}

/**
 * The crop of a group or an incident, and the boxes and ids of its members, to be drawn into it; in px of the frame's
 * display size.
 */
export interface MarkedCrop extends CropRectangle {
  /** Of the subject: groups count from 1, incidents go on after them. */
  readonly groupIndex: number;
  readonly marks: readonly { readonly box: Box; readonly label: number }[];
}

/** A frame's groups and incidents, with the positions of their members among its objects. */
export interface FrameSubjects {
  readonly objects: readonly DetectedObject[];
  readonly groups: readonly Pick<TrafficGroup, 'groupIndex' | 'bbox' | 'memberIndices'>[];
  readonly incidents?: readonly Pick<MeasuredIncident, 'subjectIndex' | 'bbox' | 'objects'>[];
}

/** The crop of each group and each incident with the marks of the members that the model is told about. */
export const markedCrops = (
  { objects, groups, incidents = [] }: FrameSubjects,
  frameWidth: number,
  frameHeight: number,
): MarkedCrop[] =>
  [
    ...groups.map(({ groupIndex, bbox, memberIndices: members }) => ({ groupIndex, bbox, members })),
    ...incidents.map(({ subjectIndex: groupIndex, bbox, objects: members }) => ({ groupIndex, bbox, members })),
  ].map(({ groupIndex, bbox, members }) => ({
    ...cropRectangle(bbox, frameWidth, frameHeight),
    groupIndex,
    marks: members.slice(0, MOST_DESCRIBED).flatMap((index) => {
      const member = objects[index];
      return member === undefined ? [] : [{ box: member.bbox, label: member.objectId }];
    }),
  }));
