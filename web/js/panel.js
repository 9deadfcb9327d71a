// One model on the page: its picture with boxes, its table, its two downloads. Side by side there are two.

import { colourOf, draw } from "./drawing.js";
import { loadModel } from "./models.js";
import { Results, download, select } from "./results.js";

const KEPT_TIMES = 15;
const TABLE_EVERY_MS = 250; // of moving pictures: a table that changes faster cannot be read

export class Panel {
  /** Load the model of a choice. */
  static async load(choice, options) {
    return new Panel(choice, await loadModel(choice, options));
  }

  constructor(choice, model) {
    Object.assign(this, { choice, model, labels: choice.model.labels, threshold: 0.5, times: [], tableAt: 0 });
    this.element = document.querySelector("#panel").content.firstElementChild.cloneNode(true);
    this.part("h2").textContent = choice.title;
    this.part(".csv").addEventListener("click", () => this.save("csv", "text/csv"));
    this.part(".json").addEventListener("click", () => this.save("json", "application/json"));
    this.clear();
  }

  part(selector) {
    return this.element.querySelector(selector);
  }

  /** Forget all detections. */
  clear() {
    this.results = new Results(this.labels);
    [this.frame, this.found, this.times] = [null, [], []];
    this.setDownloads();
  }

  /** Detect on a frame and keep the answer in the place `key`; returns the detections. */
  async detect(frame, key) {
    const began = performance.now();
    const found = await this.model.detect(frame.canvas);
    this.times = [...this.times, performance.now() - began].slice(-KEPT_TIMES);
    this.results.set(key, frame, found);
    return found;
  }

  /** Show a frame with what was found on it. */
  show(frame, found, { isMoving = false, perSecond = null } = {}) {
    Object.assign(this, { frame, found, isMoving });
    this.showSpeed(perSecond);
    this.render();
  }

  showSpeed(perSecond) {
    if (this.times.length === 0) return;
    const median = [...this.times].sort((a, b) => a - b)[Math.floor(this.times.length / 2)];
    const frames = perSecond === null ? "" : `, ${perSecond.toFixed(1)} frames/s`;
    this.part(".speed").textContent = `${median.toFixed(median < 10 ? 1 : 0)} ms${frames}`;
  }

  /** Draw again, after the threshold or the room has changed, too. */
  render() {
    if (!this.frame) return;
    const shown = this.shown();
    draw(this.part("canvas"), this.frame, shown, this.labels);
    const now = performance.now();
    if (this.isMoving && now - this.tableAt < TABLE_EVERY_MS) return;
    this.tableAt = now;
    this.fillLegend(shown);
    this.fillTable(shown);
    this.part("canvas").setAttribute("aria-label", `${this.frame.name}: ${this.describe()}`);
    this.setDownloads();
  }

  /** The detections on the page: those at or above the threshold. */
  shown() {
    return select(this.found, this.threshold);
  }

  /** Say what is shown: "2 ball, 1 star". */
  describe() {
    const shown = this.shown();
    const counts = this.labels.map((label) => [shown.filter((found) => found.label === label).length, label]);
    return counts.filter(([count]) => count).map(([count, label]) => `${count} ${label}`).join(", ") || "no object";
  }

  fillLegend(shown) {
    const items = this.labels.flatMap((label, index) => {
      const count = shown.filter((found) => found.label === label).length;
      return count ? [legendItem(`${label} ${count}`, colourOf(index))] : [];
    });
    this.part(".legend").replaceChildren(...(items.length ? items : [legendItem("no object at this score", null)]));
  }

  fillTable(shown) {
    this.part("tbody").replaceChildren(...shown.map(({ label, score, box }) => {
      const row = document.createElement("tr");
      const edges = [box.xmin, box.ymin, box.xmax, box.ymax].map((edge) => edge.toFixed(0));
      row.append(...[label, score.toFixed(2), ...edges].map((text) => {
        const cell = document.createElement("td");
        cell.textContent = text;
        return cell;
      }));
      return row;
    }));
    this.part(".table").hidden = shown.length === 0;
    // A table that scrolls must be within reach of the keyboard
    const scrolls = this.part(".table").scrollHeight > this.part(".table").clientHeight;
    if (scrolls) this.part(".table").tabIndex = 0;
    else this.part(".table").removeAttribute("tabindex");
  }

  setDownloads() {
    for (const button of this.element.querySelectorAll(".downloads button")) button.disabled = this.results.images.size === 0;
  }

  save(kind, type) {
    const text = kind === "csv" ? this.results.toCsv(this.threshold) : this.results.toJson(this.threshold);
    download(`${this.choice.id.replace("/", "-")}-detection.${kind}`, text, type);
  }

  /** Free the model, and take the panel from the page. */
  dispose() {
    this.model.dispose();
    this.element.remove();
  }
}

function legendItem(text, colour) {
  const item = document.createElement("li");
  if (colour) {
    const mark = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    mark.setAttribute("viewBox", "0 0 12 12");
    mark.setAttribute("aria-hidden", "true");
    const square = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    for (const [name, value] of Object.entries({ width: 12, height: 12, rx: 3, fill: colour })) square.setAttribute(name, value);
    mark.append(square);
    item.append(mark);
  } else {
    item.className = "none";
  }
  item.append(text);
  return item;
}
