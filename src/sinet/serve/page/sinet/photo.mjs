// One picture in, one alpha out, and what is made of it: the same steps as in Python, by the same kernels.
import { DEFAULT_STRENGTH, gridSize, round } from "./numbers.mjs";
import { holdsPerson } from "./network.mjs";
import * as pixels from "./pixels.mjs";

/** Alpha from which a pixel belongs to the person's box, 0..255. */
const VISIBLE = 8;

/** A picture in the engine's memory with the person's alpha, from which cut-outs and composites are made. */
export class Photo {
  #engine;
  #rgb;
  #alpha;
  #mark;

  /**
   * Find the person.
   * @param {import("./engine.mjs").Engine} engine with nothing taken above the network.
   * @param {import("./network.mjs").Network} network prepared for its spec's own size.
   * @param {ImageData} picture
   */
  constructor(engine, network, picture) {
    this.#engine = engine;
    const size = (this.size = [picture.height, picture.width]);
    const rgba = picture.data, made = network.spec.preprocess.size;
    const seen = pixels.onPaper(engine, rgba);
    const translucent = !pixels.isOpaque(rgba);
    this.#rgb = translucent ? colours(engine, rgba) : seen;
    this.#alpha = engine.take(4 * size[0] * size[1]);
    const mark = engine.mark;
    const coarse = network.run(pixels.networkInput(engine, seen, size, 3, network.spec.preprocess, made));
    this.found = holdsPerson(engine.floats(coarse, made[0] * made[1]));
    if (this.found) this.#refine(seen, coarse, made);
    else engine.floats(this.#alpha, size[0] * size[1]).fill(0);
    if (translucent) {
      const alpha = engine.floats(this.#alpha, size[0] * size[1]);
      for (let i = 0; i < alpha.length; i++) alpha[i] *= Math.fround(rgba[4 * i + 3] / 255);
    }
    engine.release(mark);
    this.#mark = mark;
  }

  #refine(seen, coarse, made) {
    const engine = this.#engine, grid = gridSize(this.size);
    const guide = pixels.resizeBytes(engine, seen, this.size, 3, grid);
    const fit = pixels.guidedFit(engine, guide, pixels.resizeMap(engine, coarse, made, grid), grid);
    const at = pixels.guidedAlpha(engine, fit, grid, seen, this.size);
    const count = this.size[0] * this.size[1];
    engine.floats(this.#alpha, count).set(engine.floats(at, count));
  }

  /** @returns {Uint8Array} alpha of every pixel, 0..255. */
  alpha() {
    const engine = this.#engine, [height, width] = this.size, mark = engine.mark;
    const made = engine.take(height * width);
    engine.call("sinet_alpha_u8", engine.isa, this.#alpha, 4 * width, made, width, height, width);
    const codes = engine.bytes(made, height * width).slice();
    engine.release(mark);
    return codes;
  }

  /** @returns {{area: number, box: number[] | null}} share of the picture; left, top, right, bottom beyond it. */
  extent() {
    const [height, width] = this.size, alpha = this.#engine.floats(this.#alpha, height * width);
    let [area, left, top, right, bottom] = [0, width, height, 0, 0];
    for (let y = 0; y < height; y++) {
      const row = alpha.subarray(y * width, (y + 1) * width);
      let [first, last] = [-1, -1];
      for (let x = 0; x < width; x++) {
        if (row[x] < VISIBLE / 255) continue;
        if (first < 0) first = x;
        last = x;
        if (row[x] > 0.5) area++;
      }
      if (first < 0) continue;
      [left, right] = [Math.min(left, first), Math.max(right, last + 1)];
      [top, bottom] = [Math.min(top, y), y + 1];
    }
    return { area: area / alpha.length, box: right ? [left, top, right, bottom] : null };
  }

  /** @returns {ImageData} the person with clean colours and straight alpha. */
  cutout() {
    return this.#made(4, () => this.#clean(4));
  }

  /**
   * The person before another background.
   * @param {{blur?: number} | {colour: [number, number, number]} | {picture: ImageData}} background
   * @returns {ImageData}
   */
  over(background) {
    return this.#made(3, () => {
      const engine = this.#engine, clean = this.#clean(3), at = engine.take(3 * this.size[0] * this.size[1]);
      if ("colour" in background) {
        pixels.composite(engine, clean, pixels.row(engine, this.size[1], background.colour), 0, this.#alpha, this.size, at);
      } else if ("picture" in background) {
        const behind = this.#cover(background.picture);
        pixels.composite(engine, clean, behind, 3 * this.size[1], this.#alpha, this.size, at);
      } else {
        const grid = gridSize(this.size);
        const blurred = this.#blurred(grid, background.blur ?? DEFAULT_STRENGTH);
        pixels.layOver(engine, clean, blurred, grid, this.#alpha, this.size, at);
      }
      return at;
    });
  }

  #made(channels, draw) {
    const [height, width] = this.size;
    this.#engine.release(this.#mark);
    const made = this.#engine.bytes(draw(), channels * height * width);
    const picture = new ImageData(width, height);
    if (channels === 4) picture.data.set(made);
    else pixels.withOpacity(made, picture.data);
    this.#engine.release(this.#mark);
    return picture;
  }

  #clean(channels) {
    const engine = this.#engine, grid = gridSize(this.size);
    const small = pixels.resizeBytes(engine, this.#rgb, this.size, 3, grid);
    const alpha = pixels.resizeMap(engine, this.#alpha, this.size, grid);
    const colours = pixels.localColours(engine, small, alpha, grid);
    return pixels.cleanColours(engine, colours, grid, this.#rgb, this.#alpha, this.size, channels);
  }

  #blurred(grid, strength) {
    const small = pixels.resizeBytes(this.#engine, this.#rgb, this.size, 3, grid);
    const alpha = pixels.resizeMap(this.#engine, this.#alpha, this.size, grid);
    return pixels.blurredBehind(this.#engine, small, alpha, grid, strength);
  }

  /** Another picture, enlarged or shrunk until it covers, cut at the middle. */
  #cover(picture) {
    const [height, width] = this.size;
    const scale = Math.max(height / picture.height, width / picture.width);
    const cut = [height, width].map((side, i) =>
      Math.min(i ? picture.width : picture.height, Math.max(1, round(side / scale))));
    const top = (picture.height - cut[0]) >> 1, left = (picture.width - cut[1]) >> 1;
    const part = new Uint8ClampedArray(4 * cut[0] * cut[1]);
    for (let y = 0; y < cut[0]; y++) {
      const from = 4 * ((top + y) * picture.width + left);
      part.set(picture.data.subarray(from, from + 4 * cut[1]), 4 * y * cut[1]);
    }
    return pixels.resizeBytes(this.#engine, pixels.onPaper(this.#engine, part), cut, 3, this.size);
  }
}

function colours(engine, rgba) {
  const at = engine.take((3 * rgba.length) / 4);
  pixels.withoutOpacity(rgba, engine.bytes(at, (3 * rgba.length) / 4));
  return at;
}
