// A picture that is zoomed and moved by pointer, wheel, keys and buttons.

const STEP = 1.25, MOST = 16, MOVE = 40;

/** Keeps `sheet`, of a picture's size, in `stage`. */
export class View {
  #stage;
  #sheet;
  #size = [1, 1];
  #scale = 1;
  #at = [0, 0];
  #pointers = new Map();

  /** @param {HTMLElement} stage @param {HTMLElement} sheet @param {(scale: number) => void} changed */
  constructor(stage, sheet, changed) {
    this.#stage = stage;
    this.#sheet = sheet;
    this.changed = changed;
    stage.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    stage.addEventListener("pointerdown", (event) => this.#down(event));
    stage.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, (event) => this.#pointers.delete(event.pointerId));
    stage.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.fit()).observe(stage);
  }

  /** Show a picture of width and height whole. */
  show(width, height) {
    this.#size = [width, height];
    this.fit();
  }

  fit() {
    const { clientWidth, clientHeight } = this.#stage;
    if (!clientWidth) return;
    this.#scale = this.#least();
    this.#at = [(clientWidth - this.#size[0] * this.#scale) / 2, (clientHeight - this.#size[1] * this.#scale) / 2];
    this.#put();
  }

  /** Zoom about a place of the stage, its middle unless told. */
  zoom(by, x = this.#stage.clientWidth / 2, y = this.#stage.clientHeight / 2) {
    const scale = Math.min(Math.max(this.#scale * by, this.#least()), MOST);
    this.#at = [x - ((x - this.#at[0]) * scale) / this.#scale, y - ((y - this.#at[1]) * scale) / this.#scale];
    this.#scale = scale;
    this.#put();
  }

  larger = () => this.zoom(STEP);
  smaller = () => this.zoom(1 / STEP);

  #least() {
    const { clientWidth, clientHeight } = this.#stage;
    return Math.min(clientWidth / this.#size[0], clientHeight / this.#size[1], 4);
  }

  #put() {
    // The picture never leaves the stage.
    this.#at = this.#at.map((at, i) => {
      const room = (i ? this.#stage.clientHeight : this.#stage.clientWidth) - this.#size[i] * this.#scale;
      return room > 0 ? room / 2 : Math.min(0, Math.max(room, at));
    });
    this.#sheet.style.transform = `translate(${this.#at[0]}px, ${this.#at[1]}px) scale(${this.#scale})`;
    this.#sheet.classList.toggle("close", this.#scale > 2);
    this.changed(this.#scale);
  }

  #place(event) {
    const box = this.#stage.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  #wheel(event) {
    event.preventDefault();
    this.zoom(Math.exp(-event.deltaY / 400), ...this.#place(event));
  }

  #down(event) {
    this.#stage.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, this.#place(event));
  }

  #move(event) {
    if (!this.#pointers.has(event.pointerId)) return;
    const before = [...this.#pointers.values()];
    this.#pointers.set(event.pointerId, this.#place(event));
    const now = [...this.#pointers.values()];
    const middle = (points) => [0, 1].map((i) => points.reduce((sum, p) => sum + p[i], 0) / points.length);
    const [from, to] = [middle(before), middle(now)];
    this.#at = this.#at.map((at, i) => at + to[i] - from[i]);
    if (now.length === 2) {
      const span = ([a, b]) => Math.hypot(a[0] - b[0], a[1] - b[1]) || 1;
      this.zoom(span(now) / span(before), ...to);
    } else this.#put();
  }

  #key(event) {
    const moves = { ArrowLeft: [MOVE, 0], ArrowRight: [-MOVE, 0], ArrowUp: [0, MOVE], ArrowDown: [0, -MOVE] };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in moves) this.#at = this.#at.map((at, i) => at + moves[event.key][i]);
    else if (event.key === "+" || event.key === "=") this.larger();
    else if (event.key === "-") this.smaller();
    else if (event.key === "0") this.fit();
    else return;
    event.preventDefault();
    this.#put();
  }
}
