// sinet: a person cut out of pictures and films in the browser. Nothing leaves the device.

const here = (name) => new URL(name, import.meta.url).href;

// A module of seven instructions that only engines with relaxed vectors take.
const RELAXED = [
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0],
  ...[65, 1, 253, 15, 65, 2, 253, 15, 253, 128, 2, 11],
];

/** The network, ready to find people. Everything runs in a worker. */
export class Segmenter {
  #work;
  #open = Promise.resolve();

  constructor(work, spec) {
    this.#work = work;
    this.spec = spec;
  }

  /**
   * Load the network.
   * @param {{model?: string, engine?: string}} [options] addresses of an artefact and of the engine's library; those
   *   beside this file by default.
   * @returns {Promise<Segmenter>}
   */
  static async load({ model = here("portrait.packed"), engine } = {}) {
    engine ??= here(WebAssembly.validate(Uint8Array.from(RELAXED)) ? "sinet-relaxed.wasm" : "sinet.wasm");
    // The worker starts while its files come.
    const work = new Work(new Worker(here("worker.mjs"), { type: "module" }));
    try {
      const parts = [WebAssembly.compileStreaming(fetched(engine)), fetched(model).then((answer) => answer.arrayBuffer())];
      const [module, artefact] = await Promise.all(parts);
      const { spec } = await work.ask("load", { module, artefact }, [artefact]);
      return new Segmenter(work, spec);
    } catch (error) {
      work.close();
      throw error;
    }
  }

  /**
   * How opaque the person is at every pixel.
   * @param {ImageBitmapSource} picture
   * @returns {Promise<{width: number, height: number, alpha: Uint8Array, found: boolean}>} alpha 0..255, all 0 where
   *   nobody is found.
   */
  segment(picture) {
    return this.#one(async () => {
      const { size, found } = await this.#look(picture);
      return { width: size[1], height: size[0], alpha: await this.#work.ask("alpha"), found };
    });
  }

  /**
   * The person cut out, or before another background.
   * @param {ImageBitmapSource} picture
   * @param {CutOptions} [options]
   * @returns {Promise<Blob>} a picture's file.
   */
  cut(picture, { background, crop = false, format = "image/png", quality = 0.9 } = {}) {
    return this.#one(async () => {
      await this.#look(picture);
      return this.#work.ask("make", { background, crop, format, quality });
    });
  }

  /**
   * Open a picture, to make several things of it.
   * @param {ImageBitmapSource} picture
   */
  async open(picture) {
    const told = await this.#one(() => this.#look(picture));
    return { ...told, make: (options) => this.#one(() => this.#work.ask("make", options)) };
  }

  /**
   * Begin a film: frames of one size in, frames with another background out.
   * @param {{width: number, height: number, background?: LiveBackground, compositor?: string}} options
   * @returns {Promise<Film>}
   */
  async film({ width, height, background = { kind: "blur" }, compositor }) {
    const { input } = await this.#work.ask("start", { size: [height, width], background, compositor });
    return new Film(this.#work, input);
  }

  /**
   * A camera's track in, a track with another background out, for calls and recordings.
   * @param {MediaStreamTrack} track
   * @param {{background?: LiveBackground}} [options]
   * @returns {Promise<{track: MediaStreamTrack, film: Film, stop: () => void}>}
   */
  async track(track, { background = { kind: "blur" } } = {}) {
    const { live } = await import("./track.mjs");
    return live(this, track, background);
  }

  /** End the worker; what was promised is refused. */
  close() {
    this.#work.close();
  }

  /** The class of every pixel, by a network of many. @param {ImageBitmapSource} picture */
  classes(picture) {
    return this.#one(() => this.#look(picture, "classes"));
  }

  async #look(picture, verb = "open") {
    const made = picture instanceof ImageData ? picture : await createImageBitmap(picture, { imageOrientation: "from-image" });
    return this.#work.ask(verb, { picture: made }, made instanceof ImageData ? [] : [made]);
  }

  // The worker keeps one picture open: one wish after the other.
  #one(wish) {
    const done = this.#open.then(wish);
    this.#open = done.catch(() => {});
    return done;
  }
}

/** A film that is under way; one at a time for each Segmenter. */
export class Film {
  #work;

  constructor(work, input) {
    this.#work = work;
    /** The network's input, [height, width]. */
    this.input = input;
  }

  /**
   * One frame, which is closed.
   * @param {VideoFrame | ImageBitmap} frame
   * @param {{wantsMask?: boolean, wantsFrame?: boolean}} [options] a mask to look at; a VideoFrame and not an ImageBitmap.
   * @returns {Promise<FilmFrame>}
   */
  frame(frame, options = {}) {
    return this.#work.ask("frame", { frame, ...options }, [frame]);
  }

  /** Put another background behind the person from the next frame on. @param {LiveBackground} background */
  setBackground(background) {
    return this.#work.ask("background", { background }, background.picture ? [background.picture] : []);
  }

  /** Frames from one stream to another until it ends, all in the worker. */
  pump(readable, writable) {
    return this.#work.ask("pump", { readable, writable }, [readable, writable]);
  }

  /** The least milliseconds of the network alone, of so many runs. */
  measure(runs) {
    return this.#work.ask("measure", { runs });
  }
}

async function fetched(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${answer.url}: the server answers ${answer.status}; load the page again`);
  return answer;
}

/** Questions to a worker, and its answers. */
class Work {
  #worker;
  #waiting = new Map();
  #count = 0;

  constructor(worker) {
    this.#worker = worker;
    worker.onmessage = ({ data: { id, result, error } }) => {
      const { keep, refuse } = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) keep(result);
      else refuse(new Error(error));
    };
    worker.onerror = (event) => this.#end(new Error(event.message || "the worker could not be started; load the page again"));
  }

  ask(verb, args = {}, carried = []) {
    return new Promise((keep, refuse) => {
      const id = this.#count++;
      this.#waiting.set(id, { keep, refuse });
      this.#worker.postMessage({ id, verb, args }, carried);
    });
  }

  close() {
    this.#worker.terminate();
    this.#end(new Error("the segmenter is closed; load another one"));
  }

  #end(error) {
    for (const { refuse } of this.#waiting.values()) refuse(error);
    this.#waiting.clear();
  }
}
