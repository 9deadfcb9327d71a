// The page: which model, which backend, what to look at; everything else is in the modules beside this one.

import { compareDetections, describeAgreement } from "./agreement.js";
import { PageError, backendName, loadTensorFlow, startBackend } from "./backends.js";
import { Images, isImage, isVideo, nameFiles, nameItems } from "./images.js";
import { describeChoice, explainNoModel, listModels } from "./models.js";
import { Panel } from "./panel.js";
import { runImages, runVideo } from "./run.js";
import { Video } from "./video.js";

const $ = (id) => document.getElementById(id);
const page = {
  tf: null, choices: [], panels: [], backend: null, source: null, shown: 0, leftOut: new Map(),
  stop: new AbortController(), running: null, work: Promise.resolve(),
};

// --- what the page says ---

const tell = (text) => { $("status").textContent = text; };

function showError(error) {
  if (!(error instanceof PageError)) console.error(error);
  $("error").textContent = error instanceof PageError ? error.message : `Something went wrong in this page: ${error.message ?? error}`;
  $("error").hidden = false;
}

function clearError() {
  $("error").hidden = true;
  $("error").textContent = "";
}

/** Say what is on the page now: the image, and what each model finds on it. */
function tellShown() {
  const [panel, other] = page.panels;
  $("agreement").hidden = !other;
  if (!panel?.frame) return;
  tell(`${panel.frame.name}: ${panel.describe()}`);
  if (other) {
    const found = compareDetections(panel.shown(), other.shown());
    $("agreement").textContent = describeAgreement(found, panel.choice.title, other.choice.title);
  }
}

// --- one thing after the other ---

/** End what runs, then change something, then go on with the source that is there. */
function change(action) {
  page.stop.abort();
  page.work = page.work.then(async () => {
    page.stop.abort();
    await page.running;
    try {
      await action();
    } catch (error) {
      tell("");
      showError(error);
    }
    begin();
  });
  return page.work;
}

function begin() {
  page.stop = new AbortController();
  showControls();
  if (!page.source || page.panels.length === 0) return;
  for (const panel of page.panels) panel.clear();
  page.leftOut.clear();
  if (page.source instanceof Video) tell(page.source.isCamera ? "The camera is on." : `${page.source.name} is playing.`);
  const run = page.source instanceof Images ? runImages : runVideo;
  page.running = run(page.source, page.panels, live, page.stop.signal).catch(showError);
}

/** What a run asks and tells. */
const live = {
  wanted: () => page.shown,
  show(frame, number) {
    for (const panel of page.panels) panel.show(frame, panel.results.get(number) ?? []);
    tellShown();
  },
  tell(done) {
    const { count } = page.source;
    [$("progress").hidden, $("progress").value] = [count < 2 || done === count, done / count];
    if (done === count && count > 1) {
      const objects = page.panels[0].results.count(page.panels[0].threshold);
      const out = page.leftOut.size ? `, ${page.leftOut.size} left out` : "";
      tell(`${count} images done, ${objects} objects${out}. ${$("status").textContent}`);
    }
  },
  leaveOut(number, sentence) {
    page.leftOut.set(number, sentence);
    const only = page.source.count === 1 ? "" : " It is left out.";
    showError(new PageError(sentence + only));
  },
  tellFrame(frame) {
    const { element, isCamera } = page.source;
    if (!isCamera && Number.isFinite(element.duration)) {
      [$("seek").max, $("seek").value] = [element.duration, frame.time];
      $("time").textContent = `${frame.time.toFixed(1)} of ${element.duration.toFixed(1)} s`;
    }
    if (page.panels.length > 1) {
      const [panel, other] = page.panels;
      const found = compareDetections(panel.shown(), other.shown());
      $("agreement").textContent = describeAgreement(found, panel.choice.title, other.choice.title);
    }
  },
};

function showControls() {
  const { source } = page;
  const isVideoFile = source instanceof Video && !source.isCamera;
  $("stop").hidden = !(source instanceof Video);
  $("player").hidden = !isVideoFile;
  $("browse").hidden = !(source instanceof Images && source.count > 1);
  $("progress").hidden = true;
  const isShown = Boolean(source) && page.panels.length > 0;
  $("empty").hidden = isShown;
  $("panels").hidden = !isShown;
  $("agreement").hidden = page.panels.length < 2 || !isShown;
  if (source instanceof Images) $("place").textContent = `${page.shown + 1} of ${source.count}`;
  if (isVideoFile) {
    $("seek").disabled = !Number.isFinite(source.element.duration);
    $("time").textContent = "";
    $("play").textContent = source.element.paused ? "Play" : "Pause";
  }
}

// --- models and backends ---

const choiceOf = (id) => page.choices.find((choice) => choice.id === id);

/** Load the chosen models for the backend that is set. */
async function loadPanels() {
  const wanted = [choiceOf($("model").value), choiceOf($("compare").value)].filter(Boolean);
  for (const panel of page.panels.splice(0)) panel.dispose();
  describeChoices();
  for (const choice of wanted) {
    tell(`Loading ${choice.title} ...`);
    const onProgress = (share) => tell(`Loading ${choice.title}: ${Math.round(share * 100)} %`);
    const panel = await Panel.load(choice, { tf: page.tf, onProgress });
    panel.threshold = Number($("threshold").value);
    page.panels.push(panel);
    $("panels").append(panel.element);
  }
  $("panels").classList.toggle("two", wanted.length === 2);
  tell(`${wanted.map((choice) => choice.title).join(" and ")} loaded, computed by ${backendName(page.backend)}.`);
}

function describeChoices() {
  const [model, other] = [choiceOf($("model").value), choiceOf($("compare").value)];
  $("model-about").textContent = model ? describeChoice(model) : "";
  $("compare-about").textContent = other ? describeChoice(other) : "";
  fillSelect($("compare"), [["", "nothing"], ...page.choices.filter((one) => one !== model).map((one) => [one.id, one.title])], other?.id);
}

function fillSelect(select, options, chosen = "") {
  select.replaceChildren(...options.map(([value, text]) => new Option(text, value, false, value === chosen)));
  select.disabled = options.length < 2 && select.id === "compare";
}

async function switchBackend(name) {
  tell(`Starting ${backendName(name)} ...`);
  // Their numbers lie where the old backend has put them
  for (const panel of page.panels.splice(0)) panel.dispose();
  let problem = null;
  try {
    $("backend-about").textContent = await startBackend(page.tf, name);
    page.backend = name;
  } catch (error) {
    problem = error;
  }
  for (const input of document.querySelectorAll("[name=backend]")) input.checked = input.value === page.backend;
  if (page.backend) await loadPanels();
  if (problem) showError(problem);
}

// --- sources ---

/** Look at something else; what was there is freed. Without a model, what the page says of that stays. */
function useSource(make) {
  if (page.choices.length === 0) return page.work;
  if (page.panels.length > 0) clearError();
  return change(async () => {
    if (page.source instanceof Video) page.source.stop();
    page.source = null;
    page.shown = 0;
    page.source = await make();
  });
}

function useFiles(named) {
  if (page.choices.length === 0) return undefined;
  const video = named.find(({ file }) => isVideo(file));
  const images = named.filter(({ file }) => isImage(file));
  if (images.length > 0) return useSource(async () => new Images(images));
  if (video) return useSource(() => Video.fromFile(video.file));
  return showError(new PageError(named.length ? "There is no image and no video among these files." : "There is no file in this."));
}

async function showImage(number) {
  const { source } = page;
  if (!(source instanceof Images) || number < 0 || number >= source.count) return;
  page.shown = number;
  $("place").textContent = `${number + 1} of ${source.count}`;
  clearError();
  if (page.leftOut.has(number)) showError(new PageError(page.leftOut.get(number)));
  // Not detected yet: the run takes it next, and shows it
  if (page.panels.some((panel) => !panel.results.get(number))) return;
  const frame = await source.frame(number);
  if (page.source === source && page.shown === number) live.show(frame, number);
}

// --- what people do ---

const showThreshold = () => { $("threshold-value").textContent = Number($("threshold").value).toFixed(2); };

function listen() {
  // Some browsers put a slider where it was before a reload
  showThreshold();
  $("model").addEventListener("change", () => { clearError(); change(loadPanels); });
  $("compare").addEventListener("change", () => { clearError(); change(loadPanels); });
  $("backend").addEventListener("change", (event) => { clearError(); change(() => switchBackend(event.target.value)); });
  $("threshold").addEventListener("input", () => {
    showThreshold();
    for (const panel of page.panels) {
      panel.threshold = Number($("threshold").value);
      panel.tableAt = 0;
      panel.render();
    }
    if (page.source instanceof Images) tellShown();
  });
  for (const [button, input] of [["pick-images", "images-input"], ["pick-folder", "folder-input"], ["pick-video", "video-input"]]) {
    $(button).addEventListener("click", () => $(input).click());
    $(input).addEventListener("change", () => {
      if ($(input).files.length) useFiles(nameFiles($(input).files));
      $(input).value = "";
    });
  }
  $("use-camera").addEventListener("click", () => { tell("Asking for the camera ..."); useSource(() => Video.fromCamera()); });
  $("stop").addEventListener("click", () => { useSource(async () => null).then(() => tell("")); });
  $("previous").addEventListener("click", () => showImage(page.shown - 1));
  $("next").addEventListener("click", () => showImage(page.shown + 1));
  $("play").addEventListener("click", () => {
    const { element } = page.source;
    if (element.paused) element.play().catch(showError);
    else element.pause();
    $("play").textContent = element.paused ? "Play" : "Pause";
  });
  $("seek").addEventListener("input", () => { page.source.element.currentTime = Number($("seek").value); });
  document.addEventListener("keydown", (event) => {
    const isBusy = event.ctrlKey || event.altKey || event.metaKey || /^(INPUT|SELECT)$/.test(event.target.tagName);
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step && !isBusy) showImage(page.shown + step);
  });
  document.addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("dropping"); });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("dropping"); });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    nameItems(event.dataTransfer).then(useFiles).catch(showError);
  });
  document.addEventListener("paste", (event) => {
    if (event.clipboardData.files.length) nameItems(event.clipboardData).then(useFiles).catch(showError);
  });
  new ResizeObserver(() => page.panels.forEach((panel) => panel.render())).observe($("panels"));
}

async function main() {
  listen();
  const { choices, others } = await listModels();
  if (choices.length === 0) throw new PageError(explainNoModel(others));
  page.choices = choices;
  fillSelect($("model"), choices.map((choice) => [choice.id, choice.title]), choices[0].id);
  for (const one of document.querySelectorAll("#model, .sources button")) one.disabled = false;
  page.tf = await loadTensorFlow();
  await switchBackend("wasm");
}

change(main);
