// From a film's frames to the person in each: steadied over time where nothing moves, never late where something does.
import { BLOCK, CORE_AREA, CUT, CUT_RATIO, KEPT, LEAST, MOST, TOLERANCE, UNCHANGED, liveSize } from "./numbers.mjs";
import { holdsPerson } from "./network.mjs";
import * as pixels from "./pixels.mjs";

const THUMB_STEP = 5;

/** The person in one frame after another of one size. */
export class Live {
  #engine;
  #network;
  #base;
  #scratch;
  #state = null;
  #usual = 0;

  /**
   * @param {import("./engine.mjs").Engine} engine with nothing taken above the network.
   * @param {import("./network.mjs").Network} network
   * @param {[number, number]} frame height and width of the frames.
   */
  constructor(engine, network, frame) {
    this.#engine = engine;
    this.#network = network;
    this.size = liveSize(network.spec, network.multiple, frame);
    network.prepare(this.size);
    const [height, width] = this.size, count = height * width;
    const blocks = Math.ceil(height / BLOCK) * Math.ceil(width / BLOCK);
    const place = () => ({ seen: engine.take(count), mask: engine.take(4 * count) });
    this.#base = { now: place(), before: place(), asked: engine.take(count), vectors: engine.take(2 * blocks), blocks };
    this.#scratch = engine.mark;
  }

  /** Keep what has been taken from the engine's memory since: it is given back at the next step otherwise. */
  keep() {
    this.#scratch = this.#engine.mark;
  }

  /** Forget what was before, as at a new scene. */
  reset() {
    this.#state = null;
    this.#usual = 0;
  }

  /**
   * The person in one more frame.
   * @param {ImageData} small the frame, shrunk to `size`.
   * @param {(name: string) => void} lap is told when a step has ended.
   * @returns {{found: boolean, asked: boolean, cut: boolean, fit: Float32Array, mask: Float32Array}} fit: for every
   *   pixel what red, green and blue (0..1) count for alpha, and an offset, good until the next step. mask: steadied.
   */
  step(small, lap = () => {}) {
    const engine = this.#engine, [height, width] = this.size, count = height * width;
    engine.release(this.#scratch);
    const { now, before } = this.#base;
    const seen = engine.bytes(now.seen, count);
    for (let i = 0; i < count; i++) seen[i] = small.data[4 * i + 1];
    const cut = this.#state !== null && this.#isCut();
    if (cut) this.reset();
    if (this.#state && this.#isUnchanged()) {
      this.#state = { ...this.#state, asked: false, cut };
      engine.bytes(before.seen, count).set(engine.bytes(now.seen, count));
      lap("unchanged");
      return this.#state;
    }
    const rgba = engine.put(small.data);
    const input = pixels.networkInput(engine, rgba, this.size, 4, this.#network.spec.preprocess, this.size);
    lap("input");
    const coarse = this.#network.run(input);
    lap("network");
    if (this.#state) this.#steady(coarse);
    engine.floats(now.mask, count).set(engine.floats(coarse, count));
    engine.bytes(this.#base.asked, count).set(engine.bytes(now.seen, count));
    if (!this.#state) engine.bytes(this.#base.vectors, 2 * this.#base.blocks).fill(0);
    lap("steady");
    const found = this.#found(engine.floats(now.mask, count));
    const fit = this.#fit(rgba, found);
    lap("edges");
    this.#state = { found, asked: true, cut, fit, mask: engine.floats(now.mask, count).slice() };
    [this.#base.now, this.#base.before] = [before, now];
    return this.#state;
  }

  #isCut() {
    const engine = this.#engine, count = this.size[0] * this.size[1];
    const now = engine.bytes(this.#base.now.seen, count), before = engine.bytes(this.#base.before.seen, count);
    let sum = 0, places = 0;
    for (let i = 0; i < count; i += THUMB_STEP, places++) sum += Math.abs(now[i] - before[i]);
    const difference = sum / places;
    if (difference > CUT && difference > CUT_RATIO * this.#usual) return true;
    this.#usual = 0.8 * this.#usual + 0.2 * difference;
    return false;
  }

  #apart(now, other) {
    const engine = this.#engine, count = this.size[0] * this.size[1], at = engine.take(count);
    const [a, b, made] = [now, other, at].map((place) => engine.bytes(place, count));
    for (let i = 0; i < count; i++) made[i] = Math.abs(a[i] - b[i]);
    return at;
  }

  #isUnchanged() {
    const engine = this.#engine, [height, width] = this.size, mark = engine.mark;
    const { now, asked, blocks } = this.#base;
    const apart = this.#apart(now.seen, asked), means = engine.take(blocks);
    const bytes = engine.call("sinet_shrink_scratch_size", engine.isa, width, 1);
    const to = [means, Math.ceil(width / BLOCK)];
    engine.withScratch(bytes, "sinet_shrink", engine.isa, apart, width, height, width, 1, BLOCK, ...to);
    const same = engine.bytes(means, blocks).every((mean) => mean <= UNCHANGED);
    engine.release(mark);
    return same;
  }

  /** Mix what is remembered into a new mask, in place: more, the better it agrees once it is moved along. */
  #steady(coarse) {
    const engine = this.#engine, [height, width] = this.size, count = height * width, mark = engine.mark;
    const { now, before, vectors } = this.#base;
    engine.call("sinet_follow", engine.isa, before.seen, width, now.seen, width, height, width, vectors);
    const moved = engine.take(count), carried = engine.take(4 * count), floats = engine.take(4 * count);
    engine.call("sinet_move", engine.isa, before.seen, width, height, width, vectors, 1, moved, width);
    engine.call("sinet_move", engine.isa, before.mask, 4 * width, height, width, vectors, 4, carried, 4 * width);
    const difference = this.#apart(now.seen, moved); // memory may grow here: views are made after it
    engine.floats(floats, count).set(engine.bytes(difference, count));
    const apart = engine.floats(pixels.boxMean(engine, floats, this.size, 1, 2), count);
    const scale = Math.min(Math.max(TOLERANCE * median(apart, this.size), LEAST), MOST);
    const mask = engine.floats(coarse, count), old = engine.floats(carried, count);
    for (let i = 0; i < count; i++) {
      const ratio = apart[i] / scale, kept = 1 + ratio * ratio;
      mask[i] += (KEPT / (kept * kept)) * (old[i] - mask[i]);
    }
    engine.release(mark);
  }

  #found(mask) {
    if (!this.#state?.found) return holdsPerson(mask);
    let likely = 0;
    for (const p of mask) if (p > 0.5) likely++;
    return likely / mask.length >= CORE_AREA;
  }

  #fit(rgba, found) {
    const engine = this.#engine, count = this.size[0] * this.size[1];
    const made = new Float32Array(4 * count);
    if (!found) return made;
    const guide = engine.take(3 * count);
    pixels.withoutOpacity(engine.bytes(rgba, 4 * count), engine.bytes(guide, 3 * count));
    const fit = engine.floats(pixels.guidedFit(engine, guide, this.#base.now.mask, this.size), 4 * count);
    for (let k = 0; k < 4; k++) for (let i = 0; i < count; i++) made[4 * i + k] = fit[k * count + i];
    return made;
  }
}

/** Of every fourth value each way. */
function median(values, [height, width]) {
  const some = [];
  for (let y = 0; y < height; y += 4) for (let x = 0; x < width; x += 4) some.push(values[y * width + x]);
  const sorted = Float32Array.from(some).sort(), middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
