// The artefact: a safetensors file with the spec in its header, plain or packed for the way (sinet.serve.site says how).

/**
 * @param {ArrayBuffer} content of an artefact's file, or of a packed one.
 * @returns {Promise<{spec: object, file: Uint8Array}>} what the network expects, and the file as the engine reads it.
 * @throws {Error} it is not the artefact of a network of ours.
 */
export async function readArtefact(content) {
  let file = new Uint8Array(content);
  if (headerEnd(file) > file.length && file[0] === 0x78) file = await unpacked(content);
  const end = headerEnd(file);
  if (end > file.length) throw new Error("the network's file is damaged; load it again");
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, end)));
  const spec = header.__metadata__?.spec && JSON.parse(header.__metadata__.spec);
  if (!spec?.network) throw new Error("the network's file has no spec of a SINet; give an artefact made by sinet");
  return { spec, file };
}

function headerEnd(file) {
  return file.length < 8 ? Infinity : 8 + Number(new DataView(file.buffer).getBigUint64(0, true));
}

/** Inflate, and put the four bytes of every weight together again. */
async function unpacked(content) {
  const stream = new Blob([content]).stream().pipeThrough(new DecompressionStream("deflate"));
  const planes = new Uint8Array(await new Response(stream).arrayBuffer());
  const start = headerEnd(planes), count = (planes.length - start) / 4;
  const file = planes.slice();
  for (let byte = 0, from = start; byte < 4; byte++)
    for (let i = 0; i < count; i++) file[start + 4 * i + byte] = planes[from++];
  return file;
}
