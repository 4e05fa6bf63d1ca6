import type { ObjectClass } from '../messages/detection.ts';
import type { ModelClasses } from '../messages/model.ts';
import { OBJECT_CLASSES } from '../messages/scene-constants.ts';

/**
 * COCO's categories by id, 1..90; '' where the published data set leaves the id out.
 * Source: category list of the COCO 2017 detection annotations.
 */
const COCO_BY_ID: readonly string[] = `
  person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,
  fire hydrant,,stop sign,parking meter,bench,bird,cat,dog,horse,sheep,
  cow,elephant,bear,zebra,giraffe,,backpack,umbrella,,,
  handbag,tie,suitcase,frisbee,skis,snowboard,sports ball,kite,baseball bat,baseball glove,
  skateboard,surfboard,tennis racket,bottle,,wine glass,cup,fork,knife,spoon,
  bowl,banana,apple,sandwich,orange,broccoli,carrot,hot dog,pizza,donut,
  cake,chair,couch,potted plant,bed,,dining table,,,toilet,
  ,tv,laptop,mouse,remote,keyboard,cell phone,microwave,oven,toaster,
  sink,refrigerator,,book,clock,vase,scissors,teddy bear,hair drier,toothbrush`
  .split(',')
  .map((name) => name.trim());

/** A model's own names of its classes, by class index; '' for an index that is not used. */
export function classNames(classes: ModelClasses): readonly string[] {
  if (classes === 'coco90') return COCO_BY_ID;
  if (classes === 'coco80') return COCO_BY_ID.filter((name) => name !== '');
  return classes;
}

/** Gantry's class for each class index of a model; null for classes that Gantry ignores. */
export function classTable(classes: ModelClasses): readonly (ObjectClass | null)[] {
  return classNames(classes).map((name) => OBJECT_CLASSES.find((known) => known === name.trim().toLowerCase()) ?? null);
}
