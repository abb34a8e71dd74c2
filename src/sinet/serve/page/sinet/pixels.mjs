// The engine's pixel kernels by plain names. Pictures and planes are addresses in its memory; sizes are [height, width].
import { COLOUR_WINDOWS, EDGE_EPS, LEVELS, PAPER, SIGMA_AT_FULL_STRENGTH, WINDOW_RADIUS } from "./numbers.mjs";
import { gaussianRadii } from "./numbers.mjs";

/** A picture's opaque colours: RGBA laid on paper. @returns {number} its address, 3 bytes a pixel. */
export function onPaper(engine, rgba) {
  const count = rgba.length / 4;
  const at = engine.take(3 * count);
  const rgb = engine.bytes(at, 3 * count);
  if (isOpaque(rgba)) {
    withoutOpacity(rgba, rgb);
    return at;
  }
  for (let i = 0, from = 0, to = 0; i < count; i++, from += 4, to += 3) {
    const alpha = rgba[from + 3], paper = (255 - alpha) * PAPER;
    for (let k = 0; k < 3; k++) rgb[to + k] = Math.floor((alpha * rgba[from + k] + paper) / 255 + 0.5);
  }
  return at;
}

/** Whether no pixel is transparent. */
export function isOpaque(rgba) {
  let all = 0xff000000;
  for (const word of new Uint32Array(rgba.buffer, rgba.byteOffset, rgba.length / 4)) all &= word;
  return all >>> 24 === 255;
}

/** (height, width, channels) bytes to another size. */
export function resizeBytes(engine, source, size, channels, made) {
  const at = engine.take(made[0] * made[1] * channels);
  const bytes = engine.call("sinet_resize_scratch_size", engine.isa, ...size, channels, ...made);
  const to = [at, made[1] * channels, ...made];
  engine.withScratch(bytes, "sinet_resize_u8", engine.isa, source, size[1] * channels, ...size, channels, ...to);
  return at;
}

/** One plane of floats to another size. */
export function resizeMap(engine, source, size, made) {
  const at = engine.take(4 * made[0] * made[1]);
  const bytes = engine.call("sinet_resize_scratch_size", engine.isa, ...size, 1, ...made);
  engine.withScratch(bytes, "sinet_resize_f32", engine.isa, source, 4 * size[1], ...size, at, 4 * made[1], ...made);
  return at;
}

/** A picture of 3 or 4 channels to the network's input of `made`, standardised as `preprocess` says. */
export function networkInput(engine, source, size, channels, preprocess, made) {
  const at = engine.take(4 * 3 * made[0] * made[1]);
  const mark = engine.mark;
  const mean = engine.put(Float32Array.from(preprocess.mean)), std = engine.put(Float32Array.from(preprocess.std));
  const bytes = engine.call("sinet_resize_scratch_size", engine.isa, ...size, channels, ...made);
  const reversed = Number(preprocess.colour_order === "bgr");
  const from = [source, size[1] * channels, ...size, channels, reversed, mean, std];
  engine.withScratch(bytes, "sinet_resize_planes", engine.isa, ...from, at, ...made);
  engine.release(mark);
  return at;
}

/** Fit a small alpha as a linear function of the small picture's colours: 4 planes of floats. */
export function guidedFit(engine, guide, alpha, size) {
  const at = engine.take(4 * 4 * size[0] * size[1]);
  const bytes = engine.call("sinet_guided_fit_scratch_size", engine.isa, ...size, WINDOW_RADIUS);
  const images = [guide, 3 * size[1], alpha, 4 * size[1], ...size];
  engine.withScratch(bytes, "sinet_guided_fit", engine.isa, ...images, WINDOW_RADIUS, EDGE_EPS, at);
  return at;
}

/** Apply such a fit, of size `grid`, to a picture: floats, or bytes where `each` is 1 and not 4. */
export function guidedAlpha(engine, fit, grid, rgb, size, each = 4) {
  const at = engine.take(each * size[0] * size[1]);
  const bytes = engine.call("sinet_enlarge_scratch_size", engine.isa);
  const images = [rgb, 3 * size[1], ...size, ...LEVELS, at, each * size[1], each];
  engine.withScratch(bytes, "sinet_guided_alpha", engine.isa, fit, ...grid, ...images);
  return at;
}

/** The person's and the background's mean colours around every pixel of a small picture: 6 planes of floats. */
export function localColours(engine, rgb, alpha, size) {
  const at = engine.take(4 * 6 * size[0] * size[1]);
  const mark = engine.mark;
  const radii = engine.put(Int32Array.from(COLOUR_WINDOWS, ([radius]) => radius));
  const trusts = engine.put(Float32Array.from(COLOUR_WINDOWS, ([, trust]) => trust));
  const count = COLOUR_WINDOWS.length;
  const bytes = engine.call("sinet_local_colours_scratch_size", engine.isa, ...size, radii, count);
  const images = [rgb, 3 * size[1], alpha, 4 * size[1], ...size, radii, trusts, count, at];
  engine.withScratch(bytes, "sinet_local_colours", engine.isa, ...images);
  engine.release(mark);
  return at;
}

/** The person's own colours at full size, of 3 channels or of 4 with alpha. */
export function cleanColours(engine, colours, grid, rgb, alpha, size, channels) {
  const at = engine.take(channels * size[0] * size[1]);
  const bytes = engine.call("sinet_enlarge_scratch_size", engine.isa);
  const images = [rgb, 3 * size[1], alpha, 4 * size[1], ...size, at, channels * size[1], channels];
  engine.withScratch(bytes, "sinet_clean_colours", engine.isa, colours, ...grid, ...images);
  return at;
}

/** Lay colours over a small background that is enlarged, into `at`; alpha is floats, or bytes where `each` is 1. */
export function layOver(engine, rgb, background, grid, alpha, size, at, each = 4) {
  const bytes = engine.call("sinet_enlarge_scratch_size", engine.isa);
  const images = [background, ...grid, alpha, each * size[1], each, ...size, at, 3 * size[1]];
  engine.withScratch(bytes, "sinet_lay_over", engine.isa, rgb, 3 * size[1], 3, ...images);
}

/** Lay colours over a picture of the same size, or over one row that serves for all where `stride` is 0, into `at`. */
export function composite(engine, rgb, background, stride, alpha, size, at, each = 4) {
  const row = 3 * size[1], images = [rgb, row, background, stride, alpha, each * size[1]];
  if (each === 4) engine.call("sinet_composite", engine.isa, ...images, at, row, ...size);
  else engine.call("sinet_composite_u8", engine.isa, ...images, 3, at, row, ...size);
}

/** One row of a colour. @returns {number} its address. */
export function row(engine, width, colour) {
  const at = engine.take(3 * width), codes = engine.bytes(at, 3 * width);
  for (let i = 0; i < codes.length; i++) codes[i] = colour[i % 3];
  return at;
}

/** Mean over windows of 2 radius + 1 pixels of interleaved floats. */
export function boxMean(engine, source, size, channels, radius) {
  const row = 4 * channels * size[1];
  const at = engine.take(row * size[0]);
  const bytes = engine.call("sinet_box_mean_scratch_size", engine.isa, ...size, channels, radius);
  engine.withScratch(bytes, "sinet_box_mean", engine.isa, source, row, ...size, channels, radius, at, row);
  return at;
}

/** A Gaussian mean of interleaved floats by three boxes; `sigma` in pixels. */
export function gaussianMean(engine, source, size, channels, sigma) {
  return gaussianRadii(sigma).reduce((at, radius) => boxMean(engine, at, size, channels, radius), source);
}

/**
 * What is behind the person in a small picture, blurred without the person's own colours bleeding into it.
 * @param {number} rgb the small picture's address. @param {number} alpha that of a plane of floats.
 * @param {number} strength above 0 to 100.
 * @returns {number} address of 3 planes of floats.
 */
export function blurredBehind(engine, rgb, alpha, size, strength) {
  const count = size[0] * size[1], made = engine.take(12 * count), mark = engine.mark;
  const sigma = (strength / 100) * SIGMA_AT_FULL_STRENGTH * Math.hypot(...size);
  const weighted = engine.take(16 * count);
  const codes = engine.bytes(rgb, 3 * count), opacity = engine.floats(alpha, count);
  const floats = engine.floats(weighted, 4 * count);
  for (let i = 0; i < count; i++) {
    // A trace of weight everywhere keeps the person's inside defined.
    const weight = (floats[4 * i + 3] = 1 - opacity[i] + 1e-3);
    for (let k = 0; k < 3; k++) floats[4 * i + k] = codes[3 * i + k] * weight;
  }
  const mean = gaussianMean(engine, weighted, size, 4, sigma);
  const means = engine.floats(mean, 4 * count), planes = engine.floats(made, 3 * count);
  for (let i = 0; i < count; i++) for (let k = 0; k < 3; k++) planes[k * count + i] = means[4 * i + k] / means[4 * i + 3];
  engine.release(mark);
  return made;
}

// Four pixels at a time, as words; both begin at a multiple of 4 bytes, and words are little-endian in WebAssembly.

/** RGBA without its opacity. */
export function withoutOpacity(rgba, rgb) {
  const [from, to, whole] = words(rgba, rgb);
  for (let i = 0, k = 0; i < whole; i += 4, k += 3) {
    const b = from[i + 1], c = from[i + 2];
    to[k] = (from[i] & 0xffffff) | (b << 24);
    to[k + 1] = ((b >>> 8) & 0xffff) | (c << 16);
    to[k + 2] = ((c >>> 16) & 0xff) | (from[i + 3] << 8);
  }
  for (let i = whole; i < rgba.length / 4; i++) for (let k = 0; k < 3; k++) rgb[3 * i + k] = rgba[4 * i + k];
}

/** Opaque RGBA. */
export function withOpacity(rgb, rgba) {
  const [to, from, whole] = words(rgba, rgb), opaque = 0xff000000;
  for (let i = 0, k = 0; i < whole; i += 4, k += 3) {
    const a = from[k], b = from[k + 1], c = from[k + 2];
    to[i] = a | opaque;
    to[i + 1] = (a >>> 24) | (b << 8) | opaque;
    to[i + 2] = (b >>> 16) | (c << 16) | opaque;
    to[i + 3] = (c >>> 8) | opaque;
  }
  for (let i = whole; i < rgba.length / 4; i++) {
    for (let k = 0; k < 3; k++) rgba[4 * i + k] = rgb[3 * i + k];
    rgba[4 * i + 3] = 255;
  }
}

function words(rgba, rgb) {
  const whole = (rgba.length >> 4) << 2; // pixels in groups of four
  const four = new Uint32Array(rgba.buffer, rgba.byteOffset, whole);
  return [four, new Uint32Array(rgb.buffer, rgb.byteOffset, (3 * whole) / 4), whole];
}
