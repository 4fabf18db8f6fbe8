// Files over the data channel as the existing apps cut and join them: base64 data URLs of 180 KiB slices.

const SLICE = 180 * 1024; // bytes of the file per message, about 246 KB of JSON

/** @param {File} file */
export async function cut(file) {
  const slices = [];
  for (let at = 0; at < file.size; at += SLICE) {
    slices.push(await dataURL(file.slice(at, at + SLICE), file.type));
  }
  return slices;
}

function dataURL(blob, type) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onerror = () => reject(reader.error);
    reader.onload = () => resolve(`data:${type};base64,${reader.result.split(',')[1]}`);
    reader.readAsDataURL(blob);
  });
}

/** Collects one connector's incoming files. Header and pieces may come in any order; the last one completes it. */
export class Inbox {
  constructor() {
    this.headers = new Map();
    this.pieces = new Map();
  }

  header(message) {
    this.headers.set(message.id, message);
    return this.complete(message.id);
  }

  piece({ id, index, chunk }) {
    const list = this.pieces.get(id) ?? [];
    list.push([index, chunk]);
    this.pieces.set(id, list);
    return this.complete(id);
  }

  /** @returns the message with `fileInfo.file` once all `FQ` pieces are there, otherwise null */
  complete(id) {
    const header = this.headers.get(id);
    const pieces = this.pieces.get(id);
    if (!header || pieces?.length !== header.fileInfo.FQ) return null;
    this.headers.delete(id);
    this.pieces.delete(id);
    pieces.sort((a, b) => a[0] - b[0]);
    const parts = pieces.map(([, chunk]) => Uint8Array.from(atob(chunk.split(',')[1]), (c) => c.charCodeAt(0)));
    const file = new File(parts, header.fileInfo.name, { type: header.fileInfo.type });
    return { ...header, fileInfo: { ...header.fileInfo, file } };
  }
}
