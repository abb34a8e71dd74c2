// What Python knows by these names too (src/sinet/core, src/sinet/pipeline); a test holds both to the same values.

/** Longest side of the small grid on which edges, colours and backgrounds are computed, pixels. */
export const GRID_SIDE = 256;

/** Window of the guided filter, pixels to each side; what is added to the colours' variance; what becomes 0 and 1. */
export const WINDOW_RADIUS = 4;
export const EDGE_EPS = 3e-4;
export const LEVELS = [0.15, 0.85];

/** Windows over which the person's and the background's colours are averaged: radius in pixels, and trust. */
export const COLOUR_WINDOWS = [[2, 1.0], [6, 0.05], [20, 0.002]];

/** Somebody is there if the network is this sure on this share of the picture. */
export const CORE_PROBABILITY = 0.9;
export const CORE_AREA = 0.003;

/** Standard deviation of the strongest blur, as a part of the picture's diagonal; and the strength unless told. */
export const SIGMA_AT_FULL_STRENGTH = 0.04;
export const DEFAULT_STRENGTH = 50;

/** What transparent pictures are seen on: a code value. */
export const PAPER = 255;

/** Of a mask over time: how much is kept where nothing has changed, and at what difference it is a quarter of that. */
export const KEPT = 0.8;
export const TOLERANCE = 4;
export const LEAST = 3;
export const MOST = 12;

/** Blocks of 8 x 8 pixels that differ by no more than so many codes, on average, show the same. */
export const UNCHANGED = 1;

/** Frames that differ by so many codes, and by so many times what they lately did, belong to different scenes. */
export const CUT = 24;
export const CUT_RATIO = 4;

/** Pixels of the network's input for a film, as a part of those that its spec asks for. */
export const INPUT_SHARE = 0.6;

/** Side of a block that motion is told for, pixels. */
export const BLOCK = 8;

/** Round to the nearest whole number, halves to the even one, as Python does. */
export function round(x) {
  const low = Math.floor(x), part = x - low;
  if (part !== 0.5) return Math.round(x);
  return low % 2 === 0 ? low : low + 1;
}

/** Size [height, width] of the small grid for a picture of `size`. */
export function gridSize([height, width]) {
  const scale = Math.min(1, GRID_SIDE / Math.max(height, width));
  return [Math.max(1, round(height * scale)), Math.max(1, round(width * scale))];
}

/** Radii of three boxes that together have a Gaussian's variance as nearly as whole pixels allow. */
export function gaussianRadii(sigma) {
  const radius = Math.trunc((Math.sqrt(1 + 4 * sigma ** 2) - 1) / 2);
  const larger = round((3 * sigma ** 2 - 3 * radius * (radius + 1)) / (2 * (radius + 1)));
  return [0, 1, 2].map((i) => radius + (larger > i ? 1 : 0));
}

/** The network's input [height, width] for a film's frame: of the frame's own shape as nearly as fits. */
export function liveSize(spec, multiple, [height, width]) {
  const area = INPUT_SHARE * spec.preprocess.size[0] * spec.preprocess.size[1];
  const shape = Math.min(Math.max(width / height, 0.25), 4);
  const side = (length) => Math.max(multiple, round(length / multiple) * multiple);
  return [side(Math.sqrt(area / shape)), side(Math.sqrt(area * shape))];
}
