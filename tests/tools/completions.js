// SPDX-License-Identifier: MIT
// Writes completions/ from the --help of the programs: completions.js [--check] [DIRECTORY OF THE PROGRAMS]
// With --check nothing is written: exit 1, and a line for each file that differs.
'use strict';
const fs = require('fs');
const path = require('path');
const { execFileSync } = require('child_process');

const PROGRAMS = ['presence-ws', 'presence-api', 'presence-expiryd', 'presence-ctl', 'presence-sim'];
const root = path.join(__dirname, '..', '..');

// What may follow: a choice, the name of a file, a directory or a host, or anything.
const kindOf = (value) => {
  if (value.includes('|')) return 'words';
  return { FILE: 'file', DIR: 'dir', HOST: 'host' }[value] ?? 'free';
};
const words = (choices) => choices.replaceAll('|', ' ');
const functionName = (program) => `_${program.replaceAll('-', '_')}`;

// The flags of a --help: {letter, flag, value ('' for a boolean), help, repeats}.
function flagsOf(help) {
  const flags = [];
  const lines = help.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const match = /^ {2}(?:-(\w), |    )--([\w-]+)(?: (\S+))?(?: {2,}(.*))?$/.exec(lines[i]);
    if (!match) continue;
    const [, letter, flag, value = ''] = match;
    const text = match[4] ?? lines[i + 1].trim();
    const repeats = text.endsWith(' (may be repeated)');
    flags.push({ letter, flag, value, repeats, help: repeats ? text.slice(0, -' (may be repeated)'.length) : text });
  }
  return flags;
}

// "USER... online|offline [GROUP]", a word each.
function argumentsOf(text) {
  return text.split(' ').filter(Boolean).map((word) => ({ name: word.replace(/^[[<]+|[\]>.]+$/g, ''), repeats: word.includes('...') }));
}

// A program as its --help describes it; help(command) returns the text, that of the program without a command.
function describe(name, help) {
  const text = help();
  const common = text.slice(text.search(/\n\n(?!Commands )[A-Z][\w ]*:\n/));
  const listed = /\n\nCommands .*:\n((?: {2}\S.*\n)+)/.exec(text);
  const commands = (listed?.[1].match(/^ {2}\S+/gm) ?? []).map((line) => {
    const command = line.trim();
    const page = help(command);
    if (!page.endsWith(common)) throw new Error(`${name} ${command} --help does not end with what all commands take`);
    const [usage, summary] = page.split('\n');
    const parameters = usage.slice(`Usage: ${name} ${command} [OPTION]...`.length);
    return { name: command, help: summary, flags: flagsOf(page.slice(0, -common.length)), arguments: argumentsOf(parameters) };
  });
  return { name, flags: flagsOf(common), commands };
}

const BASH_ACTIONS = {
  words: (value) => `mapfile -t COMPREPLY < <(compgen -W '${words(value)}' -- "$cur")`,
  file: () => 'compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur")',
  dir: () => 'compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$cur")',
  host: () => 'mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur")',
  free: () => ':',
};

// The function finds out which command it is, which of its arguments, and which flag is waiting for a value.
function bash(program) {
  const { name, commands } = program;
  const withValue = (flags, command) => flags.filter((f) => f.value)
    .map((f) => ({ ...f, pattern: `${command}:--${f.flag}${f.letter ? ` | ${command}:-${f.letter}` : ''}` }));
  const shared = withValue(program.flags, '*');
  const own = commands.flatMap((c) => withValue(c.flags, c.name));
  const names = (flags) => flags.map((f) => ` --${f.flag}`).join('');
  const action = (value) => BASH_ACTIONS[kindOf(value)](value);
  const positions = commands.flatMap((c) => c.arguments.map((a, i) => ({ ...a, pattern: `${c.name}:${a.repeats ? '*' : i}` })))
    .filter((a) => kindOf(a.name) !== 'free');
  const text = `# bash completion for ${name}; made by tests/tools/completions.js
${functionName(name)}() {
    local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]}
    local command='' position=0 flags i
    COMPREPLY=()
    if [[ $cur == = ]]; then
        cur=
    elif [[ $prev == = ]]; then
        prev=\${COMP_WORDS[COMP_CWORD - 2]}
    fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        if [[ \${COMP_WORDS[i]} == -* ]]; then
            if [[ \${COMP_WORDS[i + 1]} == = ]]; then
                ((i += 2))
            else
                case $command:\${COMP_WORDS[i]} in
${[...shared, ...own].map((f) => `                ${f.pattern}) ((i++)) ;;\n`).join('')}                esac
            fi
        elif [[ -z $command ]]; then
            command=\${COMP_WORDS[i]}
        else
            ((position++))
        fi
    done
    case $command:$prev in
${[...own, ...shared].map((f) => `    ${f.pattern}) ${action(f.value)}; return ;;\n`).join('')}    esac
    if [[ $cur == -* ]]; then
        flags='${names(program.flags)}'
        case $command in
${commands.filter((c) => c.flags.length).map((c) => `        ${c.name}) flags+='${names(c.flags)}' ;;\n`).join('')}        esac
        mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$cur")
        return
    fi
`;
  const places = commands.length === 0 ? '' : `    case $command:$position in
    :*) ${BASH_ACTIONS.words(commands.map((c) => c.name).join('|'))} ;;
${positions.map((a) => `    ${a.pattern}) ${action(a.name)} ;;\n`).join('')}    esac
`;
  return `${text}${places}}\ncomplete -F ${functionName(name)} ${name}\n`;
}

const ZSH_ACTIONS = {
  words: (value) => `(${words(value)})`, file: () => '_files', dir: () => '_files -/', host: () => '_hosts', free: () => ' ',
};

// Inside single quotes, where _arguments reads brackets, colons and backslashes as its own.
const zshQuoted = (text) => text.replace(/['[\]:\\]/g, (c) => (c === "'" ? "'\\''" : `\\${c}`));

// '--flag=' also takes its value from the next word, '-f+' from the same.
function zshFlag({ letter, flag, value, help, repeats }) {
  const equals = value ? '=' : '';
  let names = `'${repeats ? '*' : ''}--${flag}${equals}`;
  if (letter) names = `${repeats ? "'*'" : `'(-${letter} --${flag})'`}{-${letter}${value ? '+' : ''},--${flag}${equals}}'`;
  const kind = kindOf(value);
  const follows = value ? `:${zshQuoted(kind === 'words' ? flag : value)}:${ZSH_ACTIONS[kind](value)}` : '';
  return `${names}[${zshQuoted(help)}]${follows}'\n`;
}

function zshCommand(command) {
  const places = command.arguments.map(({ name, repeats }, i) => {
    const kind = kindOf(name);
    return `            '${repeats ? '*' : i + 1}:${kind === 'words' ? 'choice' : name}:${ZSH_ACTIONS[kind](name)}'\n`;
  });
  const flags = command.flags.map((f) => `            ${zshFlag(f)}`);
  return `    ${command.name})\n        specs=($shared\n${flags.join('')}${places.join('')}        ) ;;\n`;
}

// As a file in fpath the text is the function's body; in eval it defines it.
function zsh({ name, flags, commands }) {
  const own = functionName(name);
  const body = commands.length === 0 ? '    _arguments -s -S $shared\n' : `    local -a commands=(
${commands.map((c) => `        '${c.name}:${zshQuoted(c.help)}'\n`).join('')}    )
    local curcontext=$curcontext context state state_descr line
    local -A opt_args
    local -a specs
    _arguments -C -s -S $shared '1:command:->command' '*::argument:->argument'
    case $state in
    command) _describe -t commands command commands; return ;;
    argument) ;;
    *) return ;;
    esac
    case $words[1] in
${commands.map(zshCommand).join('')}    *) return ;;
    esac
    _arguments -s -S $specs
`;
  return `#compdef ${name}
# zsh completion for ${name}; made by tests/tools/completions.js
${own}() {
    local -a shared=(
${flags.map((f) => `        ${zshFlag(f)}`).join('')}    )
${body}}
if [[ $funcstack[1] == _${name} ]]; then
    ${own} "$@"
else
    compdef ${own} ${name}
fi
`;
}

// What may follow; without it nothing does, since files are switched off.
const FISH_ACTIONS = {
  words: (value) => ` -x -a '${words(value)}'`, file: () => ' -r -F', dir: () => " -x -a '(__fish_complete_directories)'",
  host: () => " -x -a '(__fish_print_hostnames)'", free: () => ' -x',
};

const fishQuoted = (text) => `'${text.replace(/['\\]/g, '\\$&')}'`;

function fish({ name, flags, commands }) {
  const lines = [`complete -c ${name} -f`];
  const rule = (command) => `complete -c ${name}${command ? ` -n '__fish_seen_subcommand_from ${command}'` : ''}`;
  const flag = (command) => (f) => `${rule(command)}${f.letter ? ` -s ${f.letter}` : ''} -l ${f.flag}${
    f.value ? FISH_ACTIONS[kindOf(f.value)](f.value) : ''} -d ${fishQuoted(f.help)}`;
  lines.push(...flags.map(flag()));
  for (const command of commands) {
    lines.push(`${rule()} -n __fish_use_subcommand -a ${command.name} -d ${fishQuoted(command.help)}`);
    lines.push(...command.flags.map(flag(command.name)));
    for (const { name: value } of command.arguments) {
      const kind = kindOf(value);
      if (kind !== 'free') lines.push(`${rule(command.name)}${kind === 'file' ? ' -F' : FISH_ACTIONS[kind](value)}`);
    }
  }
  return `# fish completion for ${name}; made by tests/tools/completions.js\n${lines.join('\n')}\n`;
}

function main(args) {
  const check = args[0] === '--check';
  const bin = path.resolve(args[check ? 1 : 0] ?? path.join(root, 'build/bin'));
  const made = new Map();
  for (const name of PROGRAMS) {
    const program = describe(name, (...command) => execFileSync(path.join(bin, name), [...command, '--help'], { encoding: 'utf8' }));
    made.set(`${name}.bash`, bash(program)).set(`_${name}`, zsh(program)).set(`${name}.fish`, fish(program));
  }
  const folder = path.join(root, 'completions');
  if (!check) {
    for (const [file, text] of made) fs.writeFileSync(path.join(folder, file), text);
    return 0;
  }
  const stale = [...made].filter(([file, text]) => !fs.existsSync(path.join(folder, file)) || fs.readFileSync(path.join(folder, file), 'utf8') !== text);
  const foreign = fs.readdirSync(folder).filter((file) => !made.has(file));
  for (const [file] of stale) console.log(`completions/${file} differs from what --help says: run make completions`);
  for (const file of foreign) console.log(`completions/${file} belongs to no program`);
  return stale.length + foreign.length > 0 ? 1 : 0;
}

module.exports = { describe, bash, zsh, fish };
if (require.main === module) process.exitCode = main(process.argv.slice(2));
