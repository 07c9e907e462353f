// SPDX-License-Identifier: MIT
// Draws how the costs of an event grow with connections and users, from what `make bench FULL=1 JSON=1` prints:
// plot.js < bench.json > growth.svg
'use strict';
const fs = require('node:fs');

const WIDTH = 760, HEIGHT = 300, LEFT = 56, RIGHT = 210, TOP = 34, BOTTOM = 40;
const COLOURS = ['#1b6ca8', '#c0392b', '#2e8b57', '#8e6c00', '#6a3d9a'];
const TEXT = 'font-family="sans-serif" font-size="12" fill="#333"';

const sizeOf = (column) => Number(column.replaceAll(',', '').split(' ')[0]);

// Each cost as a multiple of what it is at the smallest size: flat is 1.
function series(grids, title, names) {
  return grids.filter((grid) => grid.title === title).flatMap((grid) =>
    grid.rows.filter((row) => names.some((name) => row.name.trim().startsWith(name))).map((row) => ({
      name: row.name.trim(), points: row.values.map((value, i) => [sizeOf(grid.columns[i]), value / row.values[0]]) })));
}

function axes(most) {
  const steps = [0, 1, 2, 3].filter((step) => step <= most);
  return { y: (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / most), steps };
}

function panel(title, lines, top) {
  const sizes = lines[0].points.map(([size]) => size), first = Math.log(sizes[0]), last = Math.log(sizes[sizes.length - 1]);
  const most = Math.max(2, Math.ceil(Math.max(...lines.flatMap(({ points }) => points.map(([, value]) => value)))));
  const { y, steps } = axes(most);
  const x = (size) => LEFT + (WIDTH - LEFT - RIGHT) * (Math.log(size) - first) / (last - first);
  const out = [`<g transform="translate(0 ${top})">`, `<text x="${LEFT}" y="18" ${TEXT} font-weight="bold">${title}</text>`];
  for (const step of steps)
    out.push(`<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(step)}" y2="${y(step)}" stroke="#ddd"/>`,
      `<text x="${LEFT - 8}" y="${y(step) + 4}" text-anchor="end" ${TEXT}>${step} ×</text>`);
  for (const size of sizes)
    out.push(`<text x="${x(size)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle" ${TEXT}>${size.toLocaleString('en-US')}</text>`);
  lines.forEach(({ name, points }, i) => {
    const colour = COLOURS[i % COLOURS.length], path = points.map(([size, value]) => `${x(size).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
    out.push(`<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`,
      `<rect x="${WIDTH - RIGHT + 14}" y="${TOP + 20 * i}" width="10" height="10" fill="${colour}"/>`,
      `<text x="${WIDTH - RIGHT + 30}" y="${TOP + 20 * i + 10}" ${TEXT}>${name}</text>`);
  });
  out.push('</g>');
  return out.join('\n');
}

function draw({ growth }) {
  const panels = [
    ['connections in one process', series(growth, 'connections in one process', ['memory', 'CPU per'])],
    ['users online, 5,000 of them connected', series(growth, 'users online', ['CPU per heartbeat', 'its share'])],
  ];
  const body = panels.map(([title, lines], i) => panel(title, lines.map((line) => ({ ...line, name: line.name.replace(/ at .*|, 500.*|\(PSS\)/, '') })), i * HEIGHT));
  const height = HEIGHT * panels.length;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}">\n`
    + `<rect width="${WIDTH}" height="${height}" fill="#fff"/>\n${body.join('\n')}\n</svg>\n`;
}

process.stdout.write(draw(JSON.parse(fs.readFileSync(0, 'utf8'))));
