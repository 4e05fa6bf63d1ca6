/** Trajectories as they are recorded. */
import type { Box, ObjectClass } from '../../../src/messages/detection.ts';
import { type Footprint, footprintOf } from '../../../src/scene/footprint.ts';
import type { Metres } from '../../../src/scene/scene.types.ts';
import type { TrueState } from '../scene-folder.ts';
import type { PoleCamera } from './camera.ts';
import { poseOf, type Traffic, type Vehicle, WALKER_SIZE, walkerPose } from './traffic.ts';

export interface RecordedTrack {
  readonly id: string;
  readonly class: ObjectClass;
  readonly length: number;
  readonly width: number;
  readonly height: number;
  readonly riderOf: string | null;
  readonly parked: boolean;
  /** Index of the frame of the first state. */
  readonly first: number;
  readonly states: TrueState[];
}

export class Recorder {
  readonly tracks = new Map<string, RecordedTrack>();
  readonly #camera: PoleCamera;

  constructor(camera: PoleCamera) {
    this.#camera = camera;
  }

  /** Takes the traffic as it is as the next frame. */
  record(traffic: Traffic, frame: number): void {
    for (const vehicle of traffic.vehicles) this.#vehicle(vehicle, frame);
    for (const walker of traffic.walkers) {
      const { place, heading } = walkerPose(walker);
      this.#add(walker.id, 'person', WALKER_SIZE, frame, footprintOf(place, heading, WALKER_SIZE), walker.moving);
    }
    for (const [index, { place, heading }] of traffic.world.parked.entries()) {
      const size = { length: 4.3, width: 1.8, height: 1.5 };
      this.#add(`parked-${index}`, 'car', size, frame, footprintOf(place, heading, size), 0);
    }
  }

  #vehicle(vehicle: Vehicle, frame: number): void {
    const { place, heading } = poseOf(vehicle);
    const kind = vehicle.class;
    this.#add(vehicle.id, kind, vehicle.size, frame, footprintOf(place, heading, vehicle.size), vehicle.speed);
    if (kind !== 'motorcycle' && kind !== 'bicycle') return;
    const rider = { ...WALKER_SIZE, height: 1.75 };
    this.#add(`rider-${vehicle.id}`, 'person', rider, frame, footprintOf(place, heading, rider), vehicle.speed);
  }

  #add(
    id: string,
    kind: ObjectClass,
    size: Pick<RecordedTrack, 'length' | 'width' | 'height'>,
    frame: number,
    footprint: Footprint,
    speed: number,
  ): void {
    let track = this.tracks.get(id);
    if (track === undefined) {
      const riderOf = id.startsWith('rider-') ? id.slice('rider-'.length) : null;
      track = { id, class: kind, ...size, riderOf, parked: id.startsWith('parked-'), first: frame, states: [] };
      this.tracks.set(id, track);
    }
    const { place, heading } = footprint;
    track.states.push([place[0], place[1], speed, heading, this.#camera.boxOf(footprint, size.height)]);
  }
}

export const stateOf = ({ first, states }: RecordedTrack, frame: number): TrueState | undefined =>
  states[frame - first];

export const boxOf = (state: TrueState | undefined): Box | null => state?.[4] ?? null;

export const placeOf = (state: TrueState): Metres => [state[0], state[1]];

export const shapeOf = (track: RecordedTrack, state: TrueState): Footprint =>
  footprintOf(placeOf(state), state[3], track);

export const velocityOf = (state: TrueState): Metres => [Math.cos(state[3]) * state[2], Math.sin(state[3]) * state[2]];
