// Makes the completions of a program's flags for bash, zsh and fish.

import type { Flag, Program } from "../programs.ts";

/** A name with a blank is one line. */
const completeFiles = 'mapfile -t COMPREPLY < <(compgen -f -- "$word")';

export function completeForBash({ name, flags }: Program): string {
  const words = Object.entries(flags).flatMap(([flag, about]) => spell(flag, about));
  const withValue = Object.entries(flags).filter(([, { type }]) => type === "string");
  const cases = withValue.map(([flag, about]) => {
    const action = about.valueHint === "PATH" ? completeFiles : ":";
    return `    ${spell(flag, about).join(" | ")}) ${action} ;;`;
  });
  const call = `_${name.replaceAll("-", "_")}`;
  return `# bash completion for ${name}
${call}() {
  local word=\${COMP_WORDS[COMP_CWORD]}
  COMPREPLY=()
  case \${COMP_WORDS[COMP_CWORD - 1]} in
${cases.join("\n")}
    *) COMPREPLY=($(compgen -W '${words.join(" ")}' -- "$word")) ;;
  esac
}
complete -o filenames -F ${call} ${name}
`;
}

export function completeForZsh({ name, flags }: Program): string {
  const lines = Object.entries(flags).map(([flag, about]) => {
    const names = spell(flag, about);
    const spelt = names.length > 1 ? `'(${names.join(" ")})'{${names.join(",")}}` : names[0];
    const value = { PATH: ":file:_files", URL: ":URL:_urls" }[about.valueHint ?? ""] ?? "";
    return `  ${spelt}${quote(`[${about.description}]${value}`)}`;
  });
  return `#compdef ${name}\n_arguments \\\n${lines.join(" \\\n")}\n`;
}

export function completeForFish({ name, flags }: Program): string {
  const lines = Object.entries(flags).map(([flag, { alias, description, valueHint }]) => {
    const short = alias === undefined ? "" : ` -s ${alias}`;
    const value = { PATH: " -r -F", URL: " -x" }[valueHint ?? ""] ?? "";
    return `complete -c ${name}${short} -l ${flag}${value} -d ${quote(description)}\n`;
  });
  return `complete -c ${name} -f\n${lines.join("")}`;
}

// ---------------------------------------------------------------------------------------------

function spell(flag: string, { alias }: Flag): string[] {
  return alias === undefined ? [`--${flag}`] : [`-${alias}`, `--${flag}`];
}

/** For zsh and fish, neither of which needs more than this for a text without a backslash. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
