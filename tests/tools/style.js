// SPDX-License-Identifier: MIT
// The layout that clang-format can't decide: no blank line behind the declarations that a function begins with, pointers of the product tested without NULL, include guards named by folder and file.
// style.js [--fix] FILE...: prints each place, and exits with 1 if there is one; --fix mends what it finds.
'use strict';
const fs = require('fs');

const DECLARATION = /^    (?:const |static |volatile |unsigned |signed )*(?:struct \w+ |enum \w+ |union \w+ |int |bool |char |double |long |unsigned |void \*|size_t |ssize_t |time_t |[a-z]\w*_t |uv_\w+ |regex_t |DIR \*|FILE \*|EVP_\w+ \*|X509 \*|BIO \*)[\w\s*,[\]()=&.>+?:{}"'<!|/%-]*;(?:\s*\/\*.*\*\/)?$/;
const NULL_TEST = /\b([\w.\[\]>-]+(?:\([^()]*\))?) (==|!=) NULL\b/;

const fix = process.argv[2] === '--fix';
let found = 0;
for (const file of process.argv.slice(fix ? 3 : 2)) {
  const lines = fs.readFileSync(file, 'utf8').split('\n');
  const kept = [];
  for (let i = 0; i < lines.length; i++) {
    kept.push(lines[i]);
    if (lines[i] !== '{') continue;
    let end = i + 1;
    while (end < lines.length && DECLARATION.test(lines[end])) kept.push(lines[end++]);
    const blank = end > i + 1 && lines[end] === '';
    if (blank) {
      found++;
      if (!fix) console.log(`${file}:${end + 1}: a blank line behind the declarations`);
    }
    i = blank ? end : end - 1;
  }
  if (fix) {
    const text = kept.join('\n');
    if (text !== lines.join('\n')) fs.writeFileSync(file, text);
  }
  const layer = /(?:^|\/)lib\/(\w+)\/(\w+)\.h$/.exec(file);
  const guard = layer && `${layer[1]}_${layer[2]}_H`.toUpperCase();
  if (guard && !lines.includes(`#ifndef ${guard}`)) {
    found++;
    console.log(`${file}: its include guard is not ${guard}`);
  }
  lines.forEach((line, i) => {
    if (file.includes('tests/') || !NULL_TEST.test(line) || /^\s*(\/?\*|\/\/)/.test(line)) return;
    found++;
    console.log(`${file}:${i + 1}: a pointer compared with NULL`);
  });
}
process.exit(found && !fix ? 1 : 0);
