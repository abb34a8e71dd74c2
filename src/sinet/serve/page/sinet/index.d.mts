/** A person cut out of pictures and films in the browser. Nothing leaves the device. */

export interface Alpha {
  width: number;
  height: number;
  /** 0..255 for every pixel, row after row; all 0 where nobody is found. */
  alpha: Uint8Array;
  found: boolean;
}

export type PhotoBackground =
  /** The picture's own background, blurred; strength above 0 to 100. */
  | { blur: number }
  /** Red, green and blue, 0..255. */
  | { colour: [number, number, number] }
  /** Another picture, which covers. An ImageBitmap is used up. */
  | { picture: ImageBitmap }
  /** No picture, but the mask: white where the person is. */
  | { mask: true };

export interface CutOptions {
  /** A cut-out with straight alpha where none is given. */
  background?: PhotoBackground;
  /** Keep only the box around the person. */
  crop?: boolean;
  /** A type that the browser can write; PNG is written by the engine. */
  format?: "image/png" | "image/webp" | "image/jpeg";
  /** 0..1, for formats that lose something. */
  quality?: number;
}

export interface LiveBackground {
  kind: "none" | "blur" | "colour" | "picture";
  /** Above 0 to 100, 50 unless told; for "blur". */
  strength?: number;
  /** Red, green and blue, 0..255; for "colour". */
  colour?: [number, number, number];
  /** For "picture"; is used up. */
  picture?: ImageBitmap;
}

export interface Opened {
  /** Height and width. */
  size: [number, number];
  found: boolean;
  /** Share of the picture that is more person than background. */
  area: number;
  /** Left, top, right and bottom of what is visible of the person, right and bottom beyond it; null where nothing is. */
  box: [number, number, number, number] | null;
  /** Milliseconds of each step. */
  times: Record<string, number>;
  /** A picture made from this one, as a file where `format` is given. */
  make(options?: CutOptions): Promise<ImageBitmap | Blob>;
}

export interface FilmFrame {
  /** The frame with its new background; close it when it has been shown. */
  made: ImageBitmap | VideoFrame;
  found: boolean;
  /** Share of the frame that is more person than background. */
  area: number;
  /** Whether the network was asked: it is not while nothing changes. */
  asked: boolean;
  /** What drew it: "WebGL 2" or "canvas 2D", whichever was faster on the first frame. */
  compositor: string;
  /** Milliseconds of each step. */
  steps: Record<string, number>;
  /** The mask at the network's size, 0..1, and the frame as the network saw it; where asked for. */
  mask?: Float32Array;
  small?: ImageData;
}

export interface Film {
  /** The network's input, height and width. */
  readonly input: [number, number];
  /** One frame, which is closed; one at a time. */
  frame(frame: VideoFrame | ImageBitmap, options?: { wantsMask?: boolean; wantsFrame?: boolean }): Promise<FilmFrame>;
  setBackground(background: LiveBackground): Promise<void>;
  /** Frames from one stream to another until it ends. */
  pump(readable: ReadableStream<VideoFrame>, writable: WritableStream<VideoFrame>): Promise<void>;
  /** The least milliseconds of the network alone, of so many runs. */
  measure(runs: number): Promise<{ network: number; size: [number, number] }>;
}

export class Segmenter {
  /** Addresses of an artefact and of the engine's library; those beside the module by default. */
  static load(options?: { model?: string; engine?: string }): Promise<Segmenter>;
  /** What the network expects, as its artefact says. */
  readonly spec: { name: string; licence: string; origin: string };
  segment(picture: ImageBitmapSource): Promise<Alpha>;
  /** By a network of many classes: the class of every pixel, row after row, as numbers of `names`. */
  classes(picture: ImageBitmapSource): Promise<{ width: number; height: number; classes: Uint8Array; names: string[] }>;
  cut(picture: ImageBitmapSource, options?: CutOptions): Promise<Blob>;
  open(picture: ImageBitmapSource): Promise<Opened>;
  /** One film at a time for each segmenter. */
  film(options: { width: number; height: number; background?: LiveBackground; compositor?: string }): Promise<Film>;
  /** A camera's track in, a track with another background out. */
  track(
    track: MediaStreamTrack,
    options?: { background?: LiveBackground },
  ): Promise<{ track: MediaStreamTrack; film: Film; stop(): void }>;
  /** End the worker. */
  close(): void;
}
