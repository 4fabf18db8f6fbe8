// Serves the page's files with the server's content security policy, and the gallery beside them:
//   node static/test/gallery/serve.js [port]
// The gallery shows each view with made-up people: no server, no devices.

import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const STATIC = fileURLToPath(new URL('../..', import.meta.url));
const GALLERY = fileURLToPath(new URL('.', import.meta.url));
const POLICY = "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
  + "connect-src 'self' ws: wss:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'";
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml' };

/** A picture that looks like a QR code and is none. */
function pattern() {
  let path = '';
  const side = 29;
  const eye = (x, y) => [[0, 0], [side - 7, 0], [0, side - 7]].find(([ex, ey]) => x >= ex - 1 && x <= ex + 7 && y >= ey - 1 && y <= ey + 7);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const corner = eye(x, y);
      let black = (x * 7 + y * 13 + x * y * 3) % 5 < 2;
      if (corner) {
        const d = Math.max(Math.abs(x - corner[0] - 3), Math.abs(y - corner[1] - 3));
        black = d === 3 || d <= 1;
      }
      if (black) path += `M${x + 4} ${y + 4}h1v1h-1z`;
    }
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 37 37" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h37v37H0z"/><path d="${path}"/></svg>`;
}

/** @param {number} port 0: any */
export function serveGallery(port) {
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? '/', 'http://x').pathname);
    response.setHeader('content-security-policy', POLICY);
    if (path === '/api/qr') {
      response.writeHead(200, { 'content-type': TYPES['.svg'] }).end(pattern());
      return;
    }
    const inGallery = path.startsWith('/gallery');
    let file = inGallery ? join(GALLERY, path.slice('/gallery'.length) || 'index.html') : join(STATIC, path);
    if (!existsSync(file) || !statSync(file).isFile()) file = join(inGallery ? GALLERY : STATIC, 'index.html');
    response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' });
    createReadStream(file).pipe(response);
  });
  return new Promise((resolve) => {
    server.listen(port, '127.0.0.1', () => resolve({
      url: `http://127.0.0.1:${server.address().port}`,
      close: () => server.close(),
    }));
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await serveGallery(Number(process.argv[2] ?? 4250));
  console.log(`${url}/gallery/?view=room&people=5`);
}
