// Moving pictures that stand for people and screens, made on a canvas.

const WALLS = ['#5b6f86', '#7d6b5d', '#4f6f62', '#6a5f7d', '#84706f', '#3f5d73', '#6d7353', '#70586a'];
const SKINS = ['#e8b998', '#c98d66', '#8d5b3f', '#f1cdb0', '#a9714d', '#d9a37e'];
const HAIRS = ['#2b211c', '#5a3a22', '#8a6a3c', '#1d1d22', '#93908a', '#6e2f1f'];
const SHIRTS = ['#2f66a8', '#a8423c', '#3b7a55', '#7a5aa0', '#c49a3a', '#454c59'];

/** A person before a wall, who moves a little. */
export function person(seed, width = 640, height = 360) {
  return stream(width, height, 12, (pen, time) => {
    const pick = (list, by) => list[(seed * by + (seed >> 2)) % list.length];
    const glow = pen.createLinearGradient(0, 0, width, height);
    glow.addColorStop(0, pick(WALLS, 3));
    glow.addColorStop(1, '#22262d');
    pen.fillStyle = glow;
    pen.fillRect(0, 0, width, height);
    pen.fillStyle = 'rgb(255 255 255 / 10%)';
    pen.fillRect(width * (0.08 + (seed % 3) * 0.3), height * 0.1, width * 0.18, height * 0.34);
    const x = width / 2 + Math.sin(time / 1400 + seed) * width * 0.02;
    const y = height * 0.47 + Math.sin(time / 900 + seed * 2) * height * 0.01;
    const r = height * 0.2;
    pen.fillStyle = pick(SHIRTS, 5);
    ellipse(pen, x, height * 1.06, r * 2.1, r * 1.9);
    pen.fillStyle = pick(SKINS, 7);
    pen.fillRect(x - r * 0.32, y + r * 0.6, r * 0.64, r * 0.8);
    pen.fillStyle = pick(HAIRS, 11);
    ellipse(pen, x, y - r * 0.22, r * 0.98, r * 1.12);
    pen.fillStyle = pick(SKINS, 7);
    ellipse(pen, x, y + r * 0.1, r * 0.8, r);
    pen.fillStyle = '#2a2320';
    const blink = time % 4000 < 140 ? 0.02 : 0.09;
    ellipse(pen, x - r * 0.3, y, r * 0.07, r * blink);
    ellipse(pen, x + r * 0.3, y, r * 0.07, r * blink);
    pen.strokeStyle = '#8c4a3d';
    pen.lineWidth = r * 0.07;
    pen.beginPath();
    pen.arc(x, y + r * 0.38, r * 0.24, 0.15 * Math.PI, 0.85 * Math.PI);
    pen.stroke();
  });
}

/** A screen with a slide on it. */
export function slides(width = 1600, height = 900) {
  return stream(width, height, 5, (pen, time) => {
    pen.fillStyle = '#fdfcf9';
    pen.fillRect(0, 0, width, height);
    pen.fillStyle = '#1d2430';
    pen.font = '600 64px system-ui';
    pen.fillText('Photosynthesis', 110, 170);
    pen.font = '400 34px system-ui';
    pen.fillStyle = '#4a5362';
    ['Light reactions happen in the thylakoid', 'The Calvin cycle fixes carbon dioxide', 'Oxygen is what is left over'].forEach((line, index) => {
      pen.fillText(`•  ${line}`, 120, 290 + index * 66);
    });
    pen.fillStyle = '#3c8f5c';
    for (let bar = 0; bar < 9; bar++) {
      const tall = 90 + 130 * (1 + Math.sin(time / 2500 + bar));
      pen.fillRect(120 + bar * 84, height - 90 - tall, 56, tall);
    }
    pen.fillStyle = '#e6b93a';
    ellipse(pen, width - 250, 230, 110, 110);
  });
}

function ellipse(pen, x, y, rx, ry) {
  pen.beginPath();
  pen.ellipse(x, y, rx, Math.max(ry, 0.5), 0, 0, Math.PI * 2);
  pen.fill();
}

function stream(width, height, rate, draw) {
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  const pen = canvas.getContext('2d');
  const step = () => draw(pen, performance.now());
  step();
  setInterval(step, 1000 / rate);
  return canvas.captureStream(rate);
}
