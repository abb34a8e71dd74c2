// The engine in WebAssembly: its memory, and its functions with errors thrown.

/**
 * One instance of the engine. Memory is taken from its end by `take` and given back by `release(mark)`; it grows and
 * never shrinks. Views of it are good until the next `take`.
 */
export class Engine {
  #exports;
  #top;

  /** @param {WebAssembly.Instance} instance */
  constructor(instance) {
    this.#exports = instance.exports;
    this.#top = Number(this.#exports.__heap_base);
    this.isa = this.#exports.sinet_best_isa();
  }

  /** @param {WebAssembly.Module} module the library, compiled. */
  static async load(module) {
    return new Engine(await WebAssembly.instantiate(module, {}));
  }

  /** Where memory now ends; everything taken later is given back by `release`. */
  get mark() {
    return this.#top;
  }

  release(mark) {
    this.#top = mark;
  }

  /** Bytes of memory that the engine has. */
  get size() {
    return this.#exports.memory.buffer.byteLength;
  }

  /** Take so many bytes, aligned to 64. @returns {number} their address. */
  take(bytes) {
    const at = Math.ceil(this.#top / 64) * 64;
    const missing = at + Number(bytes) - this.size;
    if (missing > 0) {
      try {
        this.#exports.memory.grow(Math.ceil(missing / 65536));
      } catch {
        throw new Error(`no memory for ${Math.ceil(Number(bytes) / 2 ** 20)} MB more; take a smaller picture`);
      }
    }
    this.#top = at + Number(bytes);
    return at;
  }

  /** Take memory for an array and copy it there. */
  put(array) {
    const at = this.take(array.byteLength);
    this.bytes(at, array.byteLength).set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
    return at;
  }

  bytes(at, length) {
    return new Uint8Array(this.#exports.memory.buffer, at, length);
  }

  floats(at, length) {
    return new Float32Array(this.#exports.memory.buffer, at, length);
  }

  /** Call a function of the library. @throws {Error} with the engine's own words. */
  call(name, ...values) {
    const answer = this.#exports[name](...values);
    if (answer < 0) throw new Error(`${name}: ${this.#text(this.#exports.sinet_error(Number(answer)))}`);
    return answer;
  }

  /** Call `name` with scratch memory of the size that `name_scratch_size` or another function told. */
  withScratch(bytes, name, ...values) {
    const mark = this.mark;
    const scratch = this.take(bytes);
    try {
      return this.call(name, ...values, scratch, Number(bytes));
    } finally {
      this.release(mark);
    }
  }

  #text(at) {
    const memory = new Uint8Array(this.#exports.memory.buffer);
    return new TextDecoder().decode(memory.subarray(at, memory.indexOf(0, at)));
  }
}
