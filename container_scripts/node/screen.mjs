// What people see of a job that runs in Node: lines, progress with time left, errors with a hint.
// The same as pipeline/report/screen.py, which says why: a job's stdout and stderr belong to its log,
// and `run_job.py` hands down the real screen as a file descriptor in ODPIPE_SCREEN_FD.
import { writeSync } from "node:fs";
import { isatty } from "node:tty";

const LINE_EVERY_MS = 10_000;
const REDRAW_EVERY_MS = 200;
const STDERR = 2;
const screen = Number(process.env.ODPIPE_SCREEN_FD || STDERR);

/** Write all of `text`, also to a pipe that is full for a moment. */
function write(fd, text) {
  let bytes = Buffer.from(text);
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(fd, bytes));
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

/** Show one line to people, and keep it in the log. */
export function say(message) {
  write(screen, message + "\n");
  if (screen !== STDERR) write(STDERR, message + "\n");
}

/** Show an error and what to do about it, then end the process (2 configuration, 3 data, 4 a stage). */
export function fail(message, { hint = "", exitCode = 3 } = {}) {
  say("error: " + message);
  if (hint) say("hint: " + hint);
  process.exit(exitCode);
}

/** Format seconds as people say them: 42s, 5m04s, 2h07m. */
export function formatDuration(seconds) {
  const whole = Math.round(seconds);
  const two = (number) => String(number).padStart(2, "0");
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m${two(whole % 60)}s`;
  return `${Math.floor(whole / 3600)}h${two(Math.floor((whole % 3600) / 60))}m`;
}

/** How far a job is: a bar that redraws itself on a terminal, a line every 10 seconds elsewhere. */
export class Progress {
  constructor(title, total, unit = "image") {
    Object.assign(this, { title, total, unit, began: Date.now(), shownAt: 0, tty: isatty(screen) });
  }

  update(done, note = "") {
    const now = Date.now();
    if (now - this.shownAt < (this.tty ? REDRAW_EVERY_MS : LINE_EVERY_MS) && done < this.total) return;
    this.shownAt = now;
    const rate = done / Math.max((now - this.began) / 1000, 1e-9);
    let text = `${this.title}  ${this.unit} ${done}/${this.total}`;
    if (note) text += "  " + note;
    if (rate > 0) {
      text += rate >= 1 ? `  ${rate.toFixed(1)}/s` : `  ${(1 / rate).toFixed(1)} s each`;
      text += `  ${formatDuration((this.total - done) / rate)} left`;
    }
    const filled = Math.floor((24 * done) / Math.max(this.total, 1));
    write(screen, this.tty ? `\r\x1b[K[${"#".repeat(filled)}${".".repeat(24 - filled)}] ${text}` : text + "\n");
  }

  /** Clear the bar, so that the next line starts on an empty one. */
  end() {
    if (this.tty) write(screen, "\r\x1b[K");
  }
}
