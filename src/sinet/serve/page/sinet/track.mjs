// Tracks: from a camera to a call.

/** See `Segmenter.track`. */
export async function live(segmenter, track, background) {
  const { width, height } = await sizeOf(track);
  const film = await segmenter.film({ width, height, background });
  const Processor = globalThis.MediaStreamTrackProcessor, Generator = globalThis.MediaStreamTrackGenerator;
  if (!Processor || !Generator) return byElements(film, track, width, height);
  // All in the worker: frames come also while the page is hidden.
  const made = new Generator({ kind: "video" });
  const done = film.pump(new Processor({ track }).readable, made.writable);
  done.catch((error) => console.warn(`sinet: the film has ended: ${error.message}`));
  return { track: made, film, stop: () => (track.stop(), made.stop()) };
}

/** Where a browser has no streams of frames: a video element in, a canvas out. */
async function byElements(film, track, width, height) {
  const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true });
  video.srcObject = new MediaStream([track]);
  await video.play();
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("bitmaprenderer");
  const [made] = canvas.captureStream().getVideoTracks();
  const stop = loop(film, video, ({ made: frame }) => context.transferFromImageBitmap(frame));
  return { track: made, film, stop: () => (stop(), track.stop(), made.stop()) };
}

/**
 * Every new frame of a playing video through a film; frames that come while one is under way are left out.
 * @param {Film} film
 * @param {HTMLVideoElement} video
 * @param {(told: FilmFrame, sent: number) => void} shown is given what was made, and when the frame was taken.
 * @param {object} [options] as for `Film.frame`.
 * @returns {() => void} ends it.
 */
export function loop(film, video, shown, failed = console.error, options = {}) {
  let ended = false, busy = false, waiting = false;
  const next = video.requestVideoFrameCallback ? "requestVideoFrameCallback" : "requestAnimationFrame";
  const ask = () => (next in video ? video[next](come) : requestAnimationFrame(come));
  const come = () => {
    if (ended) return;
    ask();
    if (busy) waiting = true;
    else turn();
  };
  const turn = async () => {
    [busy, waiting] = [true, false];
    try {
      const sent = performance.now();
      // One frame for the mask and for the picture: a video that is read twice has moved on.
      const frame = globalThis.VideoFrame ? new VideoFrame(video) : await createImageBitmap(video);
      const told = await film.frame(frame, options);
      if (ended) return told.made.close();
      shown(told, sent);
    } catch (error) {
      if (!ended) failed(error);
      ended = true;
    }
    busy = false;
    if (waiting && !ended) turn();
  };
  ask();
  return () => (ended = true);
}

async function sizeOf(track) {
  const { width, height } = track.getSettings();
  if (width && height) return { width, height };
  const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true });
  video.srcObject = new MediaStream([track]);
  await video.play();
  return { width: video.videoWidth, height: video.videoHeight };
}
