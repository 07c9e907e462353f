// SPDX-License-Identifier: MIT
// Tables: what was measured, ours, the peer's, and how many times ours goes into the peer's; and what grows with what.
'use strict';

// Three digits that count; '–' where nothing was measured; words as they are.
function number(value) {
  if (value === undefined) return '–';
  if (typeof value === 'string') return String(value);
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function ratio(row) {
  if (!row.ours || !row.peer) return '';
  const times = row.more ? row.ours / row.peer : row.peer / row.ours;
  return `${number(times)} ×`;
}

function lines(cells) {
  const widths = cells[0].map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  const [head, ...body] = cells.map((row) =>
    row.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ').trimEnd());
  return [head, '-'.repeat(Math.max(head.length, ...body.map((line) => line.length))), ...body, ''];
}

const comparison = (rows) => [['', 'unit', 'presence', 'Node peer', 'better by'],
  ...rows.map((row) => [row.name, row.unit, number(row.ours), number(row.peer), ratio(row)])];

const grid = ({ title, columns, rows }) => [[title, 'unit', ...columns],
  ...rows.map(({ name, unit, values }) => [name, unit, ...values.map(number)])];

function text(rows, grids, notes) {
  const tables = [...(rows.length ? [comparison(rows)] : []), ...grids.map(grid)];
  return [...tables.flatMap(lines), ...notes, ''].join('\n');
}

function json(rows, grids, notes, machine) {
  const items = rows.map(({ name, unit, ours, peer, more }) => ({ name, unit, presence: ours, peer, moreIsBetter: Boolean(more),
    ratio: ours && peer ? (more ? ours / peer : peer / ours) : undefined }));
  return `${JSON.stringify({ machine, rows: items, growth: grids, notes })}\n`;
}

module.exports = { text, json };
