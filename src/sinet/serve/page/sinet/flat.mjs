// The person before another background, computed by the engine at the frame's own size: for devices without a GPU.
import { DEFAULT_STRENGTH } from "./numbers.mjs";
import { Sheet } from "./sheet.mjs";
import * as pixels from "./pixels.mjs";

/** Longest side of the copy that is blurred, pixels. */
const SMALL = 160;

/** Draws on a canvas of the frames' size. */
export class FlatCompositor {
  static label = "canvas 2D";
  lost = false;

  #engine;
  #context;
  #sheet = new Sheet();
  #size;
  #rgba;
  #rgb;
  #made;
  #picture = 0;
  #drawn;

  /** @param {OffscreenCanvas} canvas @param {import("./engine.mjs").Engine} engine whose memory it keeps a part of. */
  constructor(canvas, engine) {
    this.canvas = canvas;
    this.#engine = engine;
    this.#context = canvas.getContext("2d");
    if (!this.#context) throw new Error("this browser cannot draw");
    const count = canvas.width * canvas.height;
    this.#size = [canvas.height, canvas.width];
    this.#drawn = new ImageData(canvas.width, canvas.height);
    [this.#rgba, this.#rgb, this.#made, this.#picture] = [4, 3, 3, 3].map((channels) => engine.take(channels * count));
  }

  /** Read a frame, which the next `draw` draws. @returns {Promise<ImageData>} at another size. */
  async small(frame, size) {
    const engine = this.#engine, mark = engine.mark, count = this.#size[0] * this.#size[1];
    await this.#read(frame);
    pixels.withoutOpacity(engine.bytes(this.#rgba, 4 * count), engine.bytes(this.#rgb, 3 * count));
    const made = new ImageData(size[1], size[0]);
    made.data.set(engine.bytes(pixels.resizeBytes(engine, this.#rgba, this.#size, 4, size), made.data.length));
    engine.release(mark);
    return made;
  }

  setPicture(picture) {
    const [height, width] = this.#size, scale = Math.max(height / picture.height, width / picture.width);
    const [high, wide] = [height / scale, width / scale];
    const part = [(picture.width - wide) / 2, (picture.height - high) / 2, wide, high];
    pixels.withoutOpacity(this.#sheet.take(picture, this.#size, part).data, this.#engine.bytes(this.#picture, 3 * height * width));
  }

  /** As `GlCompositor.draw`, of the frame that `small` has read. */
  draw(_, matte, background) {
    const engine = this.#engine, mark = engine.mark, size = this.#size, count = size[0] * size[1];
    const alpha = pixels.guidedAlpha(engine, planes(engine, matte), matte.size, this.#rgb, size, 1);
    const made = this.#drawn;
    if (background.kind === "none") {
      made.data.set(engine.bytes(this.#rgba, 4 * count));
      const opacity = engine.bytes(alpha, count);
      for (let i = 0; i < count; i++) made.data[4 * i + 3] = opacity[i];
    } else {
      this.#over(background, alpha);
      pixels.withOpacity(engine.bytes(this.#made, 3 * count), made.data);
    }
    this.#context.putImageData(made, 0, 0);
    engine.release(mark);
  }

  finish() {
    this.#context.getImageData(0, 0, 1, 1);
  }

  #over(background, alpha) {
    const engine = this.#engine, size = this.#size;
    if (background.kind === "colour")
      pixels.composite(engine, this.#rgb, pixels.row(engine, size[1], background.colour), 0, alpha, size, this.#made, 1);
    if (background.kind === "picture")
      pixels.composite(engine, this.#rgb, this.#picture, 3 * size[1], alpha, size, this.#made, 1);
    if (background.kind !== "blur") return;
    const grid = size.map((side) => Math.max(1, Math.round((side * SMALL) / Math.max(...size))));
    const small = pixels.resizeBytes(engine, this.#rgb, size, 3, grid);
    const codes = engine.bytes(pixels.resizeBytes(engine, alpha, size, 1, grid), grid[0] * grid[1]);
    const opacity = engine.put(Float32Array.from(codes, (code) => code / 255));
    const blurred = pixels.blurredBehind(engine, small, opacity, grid, background.strength ?? DEFAULT_STRENGTH);
    pixels.layOver(engine, this.#rgb, blurred, grid, alpha, size, this.#made, 1);
  }

  async #read(frame) {
    const [height, width] = this.#size, count = 4 * height * width;
    // Straight into the engine's memory where the browser converts frames by itself.
    if (frame.copyTo && frame.displayWidth === width && frame.displayHeight === height && frame.visibleRect?.width === width)
      try {
        await frame.copyTo(this.#engine.bytes(this.#rgba, count), { format: "RGBA" });
        return;
      } catch {
        // this frame is not of a kind that can be copied
      }
    this.#engine.bytes(this.#rgba, count).set(this.#sheet.take(frame, this.#size).data);
  }
}

/** A fit, four numbers a place, as the engine's four planes. */
function planes(engine, { fit, size }) {
  const count = size[0] * size[1], at = engine.take(16 * count), made = engine.floats(at, 4 * count);
  for (let k = 0; k < 4; k++) for (let i = 0; i < count; i++) made[k * count + i] = fit[4 * i + k];
  return at;
}
