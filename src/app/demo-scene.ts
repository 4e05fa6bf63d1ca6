import type { SceneConfig } from '../messages/scene.ts';

/**
 * The scene of the demo clip, a campus road in Britain, where traffic keeps to the left.
 *
 * The calibration is an estimate, made by eye and from sizes that are usual: the wheelbase (2.8 m) and track (1.7 m) of
 * the parked van, bays 2.4 m wide and 4.8 m long, people 1.7 m tall. They agree in how high the camera is and how far
 * it looks down; the focal length is the least sure (1000 px; 800 to 1200 fit nearly as well), so lengths away from the
 * camera may be off by a tenth. Origin on the road below the camera, x to the right, y away from it.
 */
export const DEMO_SCENE: SceneConfig = {
  width: 768,
  height: 576,
  calibration: [
    // The van: rear right, front right and rear left wheel.
    { image: [697.9, 100.2], road: [13.9, 43.7] },
    { image: [719.3, 92.6], road: [15.55, 45.95] },
    { image: [658.9, 98.2], road: [12.45, 44.7] },
    // Ends of the lines between the bays on the right.
    { image: [466.8, 141], road: [3.1, 35.35] },
    { image: [540.5, 157.9], road: [5.15, 31.85] },
    { image: [431, 156.8], road: [1.7, 32.6] },
    { image: [524.7, 181], road: [4.15, 28.45] },
    // A bay line on the left, the stone beside the road, the lamp post, the tripod.
    { image: [214, 168], road: [-5.35, 31.8] },
    { image: [178, 273], road: [-4.4, 20.4] },
    { image: [433, 391], road: [0.7, 13.9] },
    { image: [507, 470], road: [1.5, 11.35] },
    // Kerb by the bollards.
    { image: [693, 215], road: [7.7, 23.95] },
    { image: [768, 290], road: [7.35, 18.1] },
  ],
  zones: [
    {
      id: 'north-out',
      kind: 'lane',
      polygon: [
        [560, 182],
        [600, 160],
        [660, 126],
        [735, 87],
        [768, 87],
        [768, 106],
        [722, 142],
        [657, 183],
        [629, 199],
      ],
      direction: [
        [600, 185],
        [740, 97],
      ],
    },
    {
      id: 'north-in',
      kind: 'lane',
      polygon: [
        [629, 199],
        [657, 183],
        [722, 142],
        [768, 106],
        [768, 142],
        [712, 187],
        [690, 208],
      ],
      direction: [
        [745, 135],
        [665, 200],
      ],
    },
    {
      id: 'west-in',
      kind: 'lane',
      polygon: [
        [0, 191],
        [90, 199],
        [190, 211],
        [260, 214],
        [390, 213],
        [330, 248],
        [210, 239],
        [110, 227],
        [0, 213],
      ],
      direction: [
        [40, 207],
        [300, 230],
      ],
    },
    {
      id: 'west-out',
      kind: 'lane',
      polygon: [
        [0, 213],
        [110, 227],
        [210, 239],
        [330, 248],
        [270, 296],
        [200, 270],
        [110, 255],
        [0, 240],
      ],
      direction: [
        [270, 270],
        [40, 232],
      ],
    },
    {
      id: 'junction',
      kind: 'junction',
      polygon: [
        [390, 213],
        [480, 199],
        [560, 182],
        [629, 199],
        [690, 208],
        [695, 232],
        [720, 258],
        [768, 293],
        [768, 482],
        [683, 454],
        [605, 424],
        [502, 374],
        [435, 350],
        [345, 315],
        [270, 296],
        [330, 248],
      ],
    },
    {
      id: 'yellow-lines-north',
      kind: 'no-stopping',
      polygon: [
        [480, 199],
        [560, 182],
        [600, 160],
        [660, 126],
        [735, 87],
        [760, 87],
        [680, 133],
        [615, 170],
        [565, 198],
      ],
    },
    {
      id: 'forecourt',
      kind: 'sidewalk',
      polygon: [
        [600, 118],
        [640, 90],
        [745, 60],
        [750, 76],
        [660, 122],
        [628, 138],
      ],
    },
  ],
  // People cross this road all the time, so only those who stay on it are reported.
  thresholds: { 'person-on-road': { minSeconds: 6 } },
  lines: [
    {
      id: 'north',
      points: [
        [580, 172],
        [692, 212],
      ],
    },
    {
      id: 'west',
      points: [
        [260, 214],
        [215, 276],
      ],
    },
  ],
  speedLimitKmh: 16,
};
