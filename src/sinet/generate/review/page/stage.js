// Draws one picture with its label: fitted, enlarged or moved, in four views. All work is at the screen's resolution.

const TINT = "#ff2bd6";
const VIEWS = ["tint", "outline", "cutout", "picture"];
const MOST = 24; // screen pixels to one of the picture
const RING = [[1, 0], [-1, 0], [0, 1], [0, -1], [0.7, 0.7], [-0.7, 0.7], [0.7, -0.7], [-0.7, -0.7]];

export class Stage {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.layer = document.createElement("canvas");
    this.layerContext = this.layer.getContext("2d");
    this.view = "tint";
    this.isPeeking = false;
    this.shown = null;
    this.zoom = 1;
    this.centre = [0.5, 0.5];
    new ResizeObserver(() => this.resize()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    this.resize();
  }

  resize() {
    const ratio = devicePixelRatio || 1;
    const width = Math.max(1, Math.round(this.canvas.clientWidth * ratio));
    const height = Math.max(1, Math.round(this.canvas.clientHeight * ratio));
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

  get isZoomed() {
    return this.zoom > 1;
  }

  // Screen pixels to one of the picture, when all of it is seen.
  get fitted() {
    const { picture } = this.shown;
    return Math.min(this.canvas.width / picture.width, this.canvas.height / picture.height);
  }

  // Enlarge by a factor about a point of the element, or its middle.
  zoomBy(factor, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2) {
    if (!this.shown?.picture) return;
    const most = Math.max(1, MOST / this.fitted);
    const zoom = Math.min(most, Math.max(1, this.zoom * factor));
    const before = this.place();
    const ratio = this.canvas.width / this.canvas.clientWidth;
    const at = [(x * ratio - before.x) / before.width, (y * ratio - before.y) / before.height];
    this.zoom = zoom;
    const width = before.width * (zoom / before.zoom), height = before.height * (zoom / before.zoom);
    this.centre = [
      at[0] + (this.canvas.width / 2 - x * ratio) / width,
      at[1] + (this.canvas.height / 2 - y * ratio) / height,
    ];
    this.draw();
  }

  // The whole picture, or one pixel of it on one of the screen (three where it is small).
  toggleZoom(x, y) {
    if (!this.shown?.picture) return;
    if (this.isZoomed) this.fit();
    else this.zoomBy(this.fitted < 0.8 ? 1 / this.fitted : 3, x, y);
  }

  moveBy(dx, dy) {
    if (!this.shown?.picture) return;
    const { width, height } = this.place();
    const ratio = this.canvas.width / this.canvas.clientWidth;
    this.centre = [this.centre[0] - (dx * ratio) / width, this.centre[1] - (dy * ratio) / height];
    this.draw();
  }

  // Where the picture lies on the canvas; the centre is kept where no edge comes inside.
  place() {
    const scale = this.fitted * this.zoom;
    const width = this.shown.picture.width * scale, height = this.shown.picture.height * scale;
    const kept = (centre, side, room) => {
      const half = room / 2 / side;
      return half >= 0.5 ? 0.5 : Math.min(1 - half, Math.max(half, centre));
    };
    this.centre = [kept(this.centre[0], width, this.canvas.width), kept(this.centre[1], height, this.canvas.height)];
    return {
      x: this.canvas.width / 2 - this.centre[0] * width,
      y: this.canvas.height / 2 - this.centre[1] * height,
      width, height, zoom: this.zoom, scale,
    };
  }

  draw() {
    const { canvas, context } = this;
    context.fillStyle = getComputedStyle(canvas).getPropertyValue("--stage") || "#888";
    context.fillRect(0, 0, canvas.width, canvas.height);
    canvas.classList.toggle("zoomed", this.isZoomed);
    if (!this.shown?.picture) return;
    const { picture, matte } = this.shown;
    const place = this.place();
    context.imageSmoothingEnabled = place.scale < 3; // enlarged further, pixels are to be seen
    context.imageSmoothingQuality = "medium";
    let view = this.view;
    if (this.isPeeking) view = view === "picture" ? "tint" : "picture";
    if (!matte) view = "picture";
    if (view === "cutout") {
      this.drawChecks(place);
      this.drawLayer(place, (layer) => {
        draw(layer, matte, place);
        layer.globalCompositeOperation = "source-in";
        draw(layer, picture, place);
      }, 1);
      return;
    }
    draw(context, picture, place);
    if (view === "tint") this.drawTint(place, 0.42);
    if (view === "tint" || view === "outline") this.drawRing(place, view === "outline" ? 2.5 : 1.2);
  }

  drawTint(place, strength) {
    this.drawLayer(place, (layer) => {
      draw(layer, this.shown.matte, place);
      fill(layer, TINT);
    }, strength);
  }

  // A line just outside of the label, as wide on the screen at any size: the label moved about, less itself.
  drawRing(place, width) {
    const thick = width * (devicePixelRatio || 1);
    this.drawLayer(place, (layer) => {
      for (const [x, y] of RING) draw(layer, this.shown.matte, place, x * thick, y * thick);
      layer.globalCompositeOperation = "destination-out";
      draw(layer, this.shown.matte, place);
      fill(layer, TINT);
    }, 1);
  }

  drawLayer(place, paint, strength) {
    const layer = this.layerContext;
    layer.globalCompositeOperation = "source-over";
    layer.clearRect(0, 0, this.layer.width, this.layer.height);
    layer.imageSmoothingEnabled = this.context.imageSmoothingEnabled;
    paint(layer);
    this.context.globalAlpha = strength;
    this.context.drawImage(this.layer, 0, 0);
    this.context.globalAlpha = 1;
  }

  drawChecks(place) {
    const side = 12 * (devicePixelRatio || 1);
    if (this.checks?.side !== side) {
      const tile = document.createElement("canvas");
      tile.width = tile.height = side * 2;
      const context = tile.getContext("2d");
      for (const [colour, x, y] of [["#8d8d8d", 0, 0], ["#b5b5b5", 1, 0], ["#b5b5b5", 0, 1], ["#8d8d8d", 1, 1]]) {
        context.fillStyle = colour;
        context.fillRect(x * side, y * side, side, side);
      }
      this.checks = { side, pattern: this.context.createPattern(tile, "repeat") };
    }
    this.context.fillStyle = this.checks.pattern;
    this.context.fillRect(place.x, place.y, place.width, place.height);
  }
}

function draw(context, bitmap, place, dx = 0, dy = 0) {
  context.drawImage(bitmap, place.x + dx, place.y + dy, place.width, place.height);
}

function fill(layer, colour) {
  layer.globalCompositeOperation = "source-in";
  layer.fillStyle = colour;
  layer.fillRect(0, 0, layer.canvas.width, layer.canvas.height);
}
