/** The part of the video player that the page uses; the server puts the package's own file at this address. */
declare const JSMpeg: {
  readonly Player: new (
    url: string,
    options: {
      readonly canvas: HTMLCanvasElement;
      readonly audio: boolean;
      readonly pauseWhenHidden: boolean;
      readonly videoBufferSize: number;
      readonly source: unknown;
    },
  ) => { destroy(): void };
};
export default JSMpeg;
