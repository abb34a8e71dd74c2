/** A canvas that is read back. */
export class Sheet {
  #context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });

  /**
   * A frame, or the part [left, top, width, height] of one, at a size [height, width].
   * @returns {ImageData}
   */
  take(frame, [height, width], part = []) {
    const context = this.#context, { canvas } = context;
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    context.globalCompositeOperation = "copy";
    context.imageSmoothingQuality = "medium";
    context.drawImage(frame, ...part, 0, 0, width, height);
    return context.getImageData(0, 0, width, height);
  }
}
