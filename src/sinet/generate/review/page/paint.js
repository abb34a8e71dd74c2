// One picture with its label in one of four views, painted onto any canvas: the page's own, or one beside it.

export const VIEWS = ["tint", "outline", "cutout", "picture"];

const TINT = "#ff2bd6";
const RING = [[1, 0], [-1, 0], [0, 1], [0, -1], [0.7, 0.7], [-0.7, 0.7], [0.7, -0.7], [-0.7, -0.7]];
const DARK_CHECK = "#8d8d8d", LIGHT_CHECK = "#b5b5b5", CHECK_PX = 12;

// The size at which all of a picture is seen on a canvas, in whole pixels.
export function fit(picture, width, height) {
  const scale = Math.min(width / picture.width, height / picture.height);
  return [Math.max(1, Math.round(picture.width * scale)), Math.max(1, Math.round(picture.height * scale))];
}

// `layer` is the context of a second canvas of the same size; `place` says where the picture lies; `ratio` is the
// screen's pixels to one of the page.
export function paint(context, layer, { picture, matte, solid }, place, view, ratio, isSmooth = true) {
  for (const each of [context, layer]) {
    each.imageSmoothingEnabled = isSmooth;
    each.imageSmoothingQuality = "medium";
  }
  const on = (steps, strength) => {
    layer.globalCompositeOperation = "source-over";
    layer.clearRect(0, 0, layer.canvas.width, layer.canvas.height);
    steps();
    context.globalAlpha = strength;
    context.drawImage(layer.canvas, 0, 0);
    context.globalAlpha = 1;
  };
  if (view === "cutout" && matte) {
    checks(context, place, CHECK_PX * ratio);
    on(() => {
      draw(layer, matte, place);
      layer.globalCompositeOperation = "source-in";
      draw(layer, picture, place);
    }, 1);
    return;
  }
  draw(context, picture, place);
  if (view === "picture" || !matte) return;
  if (view === "tint") {
    on(() => {
      draw(layer, matte, place);
      fill(layer, TINT);
    }, 0.42);
  }
  // A line just outside of the label, as wide on the screen at any size: the label moved about, less itself.
  const thick = (view === "outline" ? 2.5 : 1.2) * ratio;
  context.save();
  context.beginPath();
  context.rect(place.x, place.y, place.width, place.height);
  context.clip();
  on(() => {
    for (const [x, y] of RING) draw(layer, solid ?? matte, place, x * thick, y * thick);
    layer.globalCompositeOperation = "destination-out";
    draw(layer, solid ?? matte, place);
    fill(layer, TINT);
  }, 1);
  context.restore();
}

function draw(context, bitmap, place, dx = 0, dy = 0) {
  context.drawImage(bitmap, place.x + dx, place.y + dy, place.width, place.height);
}

function fill(layer, colour) {
  layer.globalCompositeOperation = "source-in";
  layer.fillStyle = colour;
  layer.fillRect(0, 0, layer.canvas.width, layer.canvas.height);
}

function checks(context, place, side) {
  const tile = new OffscreenCanvas(side * 2, side * 2);
  const paper = tile.getContext("2d");
  paper.fillStyle = LIGHT_CHECK;
  paper.fillRect(0, 0, side * 2, side * 2);
  paper.fillStyle = DARK_CHECK;
  for (const at of [0, side]) paper.fillRect(at, at, side, side);
  context.fillStyle = context.createPattern(tile, "repeat");
  context.fillRect(place.x, place.y, place.width, place.height);
}
