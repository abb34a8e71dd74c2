/** Milliseconds of named steps, one after the other. */
export class Timer {
  times = {};
  #since = performance.now();

  lap(name) {
    const now = performance.now();
    this.times[name] = (this.times[name] ?? 0) + now - this.#since;
    this.#since = now;
  }
}
