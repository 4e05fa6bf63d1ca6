import type { Metres, Scene } from '../scene/scene.types.ts';
import { carriagewayOf } from './carriageway.ts';

/** Name of the lane or junction at a place; null without one. */
export function laneAt(scene: Scene, place: Metres): string | null {
  return (scene.zonesAt(place, 'lane')[0] ?? scene.zonesAt(place, 'junction')[0])?.id ?? null;
}

/**
 * Whether vehicles may drive at a place, crossings included, at least `margin` metres from where they may not. In a
 * scene without lanes that is everywhere but on sidewalks.
 */
export function onCarriageway(scene: Scene, place: Metres, margin: number): boolean {
  if (scene.zonesAt(place, 'crossing').length > 0) return true;
  if (scene.zones.some(({ kind }) => kind === 'lane' || kind === 'junction')) {
    const depth = carriagewayOf(scene).depth(place);
    return depth !== null && depth > margin;
  }
  return scene.zones.every((zone) => zone.kind !== 'sidewalk' || (zone.distanceTo(place) ?? Infinity) > margin);
}
