// Mouse and fingers on the stage: hold to look under the label, drag, pinch, wheel, and swipes to decide.

const STILL_PX = 6, SWIPE_PX = 60;

export function listen(stage, decide) {
  const { canvas } = stage;
  const down = new Map(); // pointer -> where it is
  let start = null, moved = false, pinched = false;

  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const spread = () => {
    const [a, b] = [...down.values()];
    return { distance: Math.hypot(a[0] - b[0], a[1] - b[1]), x: (a[0] + b[0]) / 2, y: (a[1] + b[1]) / 2 };
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    down.set(event.pointerId, at(event));
    if (down.size === 1) {
      [start, moved, pinched] = [at(event), false, false];
      stage.peek(true);
    } else {
      pinched = true;
      stage.peek(false);
    }
  });

  canvas.addEventListener("pointermove", (event) => {
    const before = down.get(event.pointerId);
    if (!before) return;
    const now = at(event);
    if (down.size === 2) {
      const first = spread();
      down.set(event.pointerId, now);
      const then = spread();
      if (first.distance > 0) stage.zoomBy(then.distance / first.distance, then.x, then.y);
      stage.moveBy(then.x - first.x, then.y - first.y);
      return;
    }
    if (!moved && Math.hypot(now[0] - start[0], now[1] - start[1]) > STILL_PX) {
      moved = true;
      if (stage.isZoomed || event.pointerType !== "mouse") stage.peek(false);
    }
    if (moved && stage.isZoomed) stage.moveBy(now[0] - before[0], now[1] - before[1]);
    down.set(event.pointerId, now);
  });

  const up = (event) => {
    const end = down.get(event.pointerId);
    if (!end) return;
    down.delete(event.pointerId);
    stage.peek(false);
    const swipes = event.type === "pointerup" && event.pointerType !== "mouse";
    if (!swipes || !moved || pinched || down.size || stage.isZoomed) return;
    const [dx, dy] = [end[0] - start[0], end[1] - start[1]];
    if (Math.max(Math.abs(dx), Math.abs(dy)) < SWIPE_PX) return;
    if (Math.abs(dx) > Math.abs(dy)) decide(dx > 0 ? "good" : "bad");
    else decide(dy < 0 ? "skip" : "undo");
  };
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", up);
  canvas.addEventListener("dblclick", (event) => stage.toggleZoom(...at(event)));
  canvas.addEventListener("contextmenu", (event) => event.pointerType === "touch" && event.preventDefault());
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const unit = event.deltaMode === 1 ? 30 : 1; // lines or pixels
    stage.zoomBy(Math.exp(-event.deltaY * unit * 0.002), ...at(event));
  }, { passive: false });
}
