// A little line over the last minute.

/** @param {number} samples how many it holds at most */
export function ring(samples) {
  /** @type {number[]} */
  const values = [];
  return {
    values: /** @type {readonly number[]} */ (values),
    /** @param {number} value */
    add(value) {
      values.push(value);
      if (values.length > samples) values.shift();
    },
  };
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {readonly number[]} values oldest first
 * @param {number} samples that fill the width
 * @param {string} colour
 */
export function drawLine(canvas, values, samples, colour) {
  const scale = devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const pen = canvas.getContext('2d');
  if (!pen || values.length < 2) return;
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  const top = Math.max(...values, 1e-9);
  const step = width / (samples - 1);
  const start = width - (values.length - 1) * step;
  pen.beginPath();
  values.forEach((value, index) => pen.lineTo(start + index * step, height - 2 - (value / top) * (height - 4)));
  pen.strokeStyle = colour;
  pen.lineWidth = 1.5;
  pen.lineJoin = 'round';
  pen.stroke();
}
