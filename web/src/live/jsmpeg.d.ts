/** The part of the video player that the page uses; the package brings no types. */
declare module '@cycjimmy/jsmpeg-player' {
  const JSMpeg: {
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
}
