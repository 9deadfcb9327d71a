// The command line of a script that takes folders: --records-dir DIR, ...
import { parseArgs } from "node:util";

import { fail } from "./screen.mjs";

/**
 * Return the values of the flags `names`, all of which are wanted, and end the job with exit code 2 when one is missing
 * or unknown. --help prints `usage`; the first word after "usage:" is the script's name.
 */
export function readArguments(names, usage) {
  const hint = `node container_scripts/${/^usage: (\S+)/.exec(usage)[1]} --help`;
  const options = Object.fromEntries(names.map((name) => [name, { type: "string" }]));
  let values;
  try {
    ({ values } = parseArgs({ options: { ...options, help: { type: "boolean", short: "h" } } }));
  } catch (error) {
    return fail(error.message, { hint, exitCode: 2 });
  }
  if (values.help) {
    console.log(usage);
    process.exit(0);
  }
  const missing = names.filter((name) => !values[name]).map((name) => "--" + name);
  if (missing.length > 0) fail(`${missing.join(", ")}: not given`, { hint, exitCode: 2 });
  return names.map((name) => values[name]);
}
