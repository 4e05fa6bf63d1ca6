/** CSS px of the stage for each px of the scene's picture. */
export interface StageScale {
  readonly x: number;
  readonly y: number;
}
