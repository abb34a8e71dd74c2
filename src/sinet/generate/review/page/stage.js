// Where the picture is seen: fitted, enlarged or moved. A picture that comes painted already is put there in one go.
import { fit, paint, VIEWS } from "./paint.js";

const MOST = 24; // screen pixels to one of the picture
const COARSE = 3; // enlarged as far as this, pixels are to be seen

export class Stage {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.layer = new OffscreenCanvas(1, 1);
    this.layerContext = this.layer.getContext("2d");
    this.view = "tint";
    this.isPeeking = false;
    this.shown = null;
    this.zoom = 1;
    this.centre = [0.5, 0.5];
    this.readGround();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.readGround();
      this.draw();
    });
    new ResizeObserver(() => this.resize()).observe(canvas);
    this.resize();
  }

  get ratio() {
    return devicePixelRatio || 1;
  }

  // What a painter beside the page must know to paint for this stage.
  get terms() {
    return { view: this.view, width: this.canvas.width, height: this.canvas.height, ratio: this.ratio };
  }

  get isZoomed() {
    return this.zoom > 1;
  }

  readGround() {
    this.ground = getComputedStyle(this.canvas).getPropertyValue("--stage").trim() || "#888";
  }

  resize() {
    const width = Math.max(1, Math.round(this.canvas.clientWidth * this.ratio));
    const height = Math.max(1, Math.round(this.canvas.clientHeight * this.ratio));
    if (width === this.canvas.width && height === this.canvas.height) return;
    for (const canvas of [this.canvas, this.layer]) Object.assign(canvas, { width, height });
    this.draw();
  }

  show(pixels) {
    this.shown = pixels;
    this.isPeeking = false;
    this.fit();
  }

  setView(view) {
    this.view = view;
    this.draw();
  }

  nextView() {
    this.setView(VIEWS[(VIEWS.indexOf(this.view) + 1) % VIEWS.length]);
  }

  peek(isPeeking) {
    if (this.isPeeking === isPeeking) return;
    this.isPeeking = isPeeking;
    this.draw();
  }

  fit() {
    this.zoom = 1;
    this.centre = [0.5, 0.5];
    this.draw();
  }

  // Enlarge by a factor about a point of the element, or its middle.
  zoomBy(factor, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2) {
    if (!this.shown?.picture) return;
    const before = this.place();
    const most = Math.max(1, (MOST * this.zoom) / before.scale);
    const zoom = Math.min(most, Math.max(1, this.zoom * factor));
    const [px, py] = [x * this.ratio, y * this.ratio];
    const at = [(px - before.x) / before.width, (py - before.y) / before.height];
    const width = (before.width * zoom) / this.zoom, height = (before.height * zoom) / this.zoom;
    this.centre = [at[0] + (this.canvas.width / 2 - px) / width, at[1] + (this.canvas.height / 2 - py) / height];
    this.zoom = zoom;
    this.draw();
  }

  // The whole picture, or one pixel of it on one of the screen (three times the size where it is small).
  toggleZoom(x, y) {
    if (!this.shown?.picture) return;
    const { scale } = this.place();
    if (this.isZoomed) this.fit();
    else this.zoomBy(scale < 0.8 ? 1 / scale : 3, x, y);
  }

  moveBy(dx, dy) {
    if (!this.shown?.picture) return;
    const { width, height } = this.place();
    this.centre = [this.centre[0] - (dx * this.ratio) / width, this.centre[1] - (dy * this.ratio) / height];
    this.draw();
  }

  // Where the picture lies on the canvas; moved no further than its own edges.
  place() {
    const { picture } = this.shown;
    const [width, height] = fit(picture, this.canvas.width, this.canvas.height).map((side) => side * this.zoom);
    const kept = (centre, side, room) => {
      const half = room / 2 / side;
      return half >= 0.5 ? 0.5 : Math.min(1 - half, Math.max(half, centre));
    };
    this.centre = [kept(this.centre[0], width, this.canvas.width), kept(this.centre[1], height, this.canvas.height)];
    return {
      x: Math.round(this.canvas.width / 2 - this.centre[0] * width),
      y: Math.round(this.canvas.height / 2 - this.centre[1] * height),
      width, height, scale: width / picture.width,
    };
  }

  draw() {
    const { canvas, context, shown } = this;
    context.fillStyle = this.ground;
    context.fillRect(0, 0, canvas.width, canvas.height);
    canvas.classList.toggle("zoomed", this.isZoomed);
    if (!shown?.picture) return;
    const place = this.place();
    let view = this.view;
    if (this.isPeeking) view = view === "picture" ? "tint" : "picture";
    const { painted } = shown;
    if (painted && !this.isZoomed && shown.paintedView === view && painted.width === place.width && painted.height === place.height) {
      context.drawImage(painted, place.x, place.y);
    } else {
      paint(context, this.layerContext, shown, place, view, this.ratio, !this.isZoomed || place.scale < COARSE);
    }
  }
}
