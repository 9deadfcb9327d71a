// Where the network lies in the whole graph of an SSD: between what the Object Detection API does to the image and what
// it does with the raw outputs, both of which it does in loops.
//
//   findNetwork(modelJson)
//   {
//     input: "Preprocessor/map/TensorArrayStack/TensorArrayGatherV3",    the image as the network sees it
//     sides: "Preprocessor/map/TensorArrayStack_1/TensorArrayGatherV3",  what of it is image, not border; or undefined
//     encodings: "Squeeze", scores: "Postprocessor/convert_scores",      its raw outputs, float
//     boxes: "raw_detection_boxes",                                      the codes, decoded
//     nodes: [...],                                                      of the network, in order, with both ends
//   }
//
// The converter's optimizer takes out what only hands on, so the ends go by other names than in the graph: they are
// found by the API's name scopes, Preprocessor/ and Postprocessor/, and by the signature's raw outputs.
import { findDependents, nodeOf, sortNodes } from "./graph_nodes.mjs";

const BEFORE = "Preprocessor/";
const AFTER = "Postprocessor/";

/** Find the network; throws Error that says what is missing. */
export function findNetwork({ modelTopology, signature }) {
  const sorted = sortNodes(modelTopology.node);
  const byName = new Map(sorted.map((node) => [node.name, node]));
  const readers = sorted.filter(({ name }) => !name.startsWith(BEFORE));
  const readBy = (chosen) => new Set(chosen.flatMap(inputsOf).filter((name) => name.startsWith(BEFORE)));
  const input = only(readBy(readers.filter(({ name }) => !name.startsWith(AFTER))), "the network's input", BEFORE);
  const sides = [...readBy(readers.filter(({ name }) => name.startsWith(AFTER)))].find((name) => name !== input);
  const dependents = findDependents(sorted, input);
  const [boxes, rawScores] = ["raw_detection_boxes", "raw_detection_scores"].map((key) => {
    if (!signature.outputs[key]) throw new Error(`its signature has no ${key}`);
    return nodeOf(signature.outputs[key].name);
  });
  const encodings = only(findEnds(byName, boxes, dependents), "what its boxes are decoded from", AFTER);
  const scores = skipIdentities(byName, rawScores);
  const wanted = new Set([...findNeeded(byName, encodings), ...findNeeded(byName, scores)]);
  const nodes = sorted.filter(({ name }) => wanted.has(name) && dependents.has(name));
  return { input, sides, encodings, scores, boxes, nodes };
}

/** What a constant is that a node reads, also from outside of the loop that the node is in. */
export function constantOf(nodes, input) {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  let name = nodeOf(input);
  while (["Enter", "Identity"].includes(byName.get(name)?.op)) name = nodeOf(byName.get(name).input[0]);
  return name;
}

const inputsOf = ({ input = [] }) => input.map(nodeOf);

/** The one name of a set; throws Error where there is none, or several. */
function only(names, what, scope) {
  if (names.size === 1) return [...names][0];
  const found = names.size === 0 ? "nothing stands" : `${[...names].join(", ")} stand`;
  throw new Error(`${what} cannot be told in its graph: ${found} between it and ${scope}`);
}

/** Go back from a node through the post-processing; return what it has of the network. */
function findEnds(byName, from, dependents) {
  const [ends, waiting, seen] = [new Set(), [from], new Set()];
  while (waiting.length > 0) {
    const name = waiting.pop();
    if (seen.has(name) || !dependents.has(name)) continue;
    seen.add(name);
    if (name === from || name.startsWith(AFTER)) waiting.push(...inputsOf(byName.get(name)));
    else ends.add(name);
  }
  return ends;
}

function skipIdentities(byName, name) {
  let found = name;
  while (byName.get(found).op === "Identity") found = nodeOf(byName.get(found).input[0]);
  return found;
}

/** Find the names of all that a node needs, itself among them. */
function findNeeded(byName, from) {
  const [needed, waiting] = [new Set(), [from]];
  while (waiting.length > 0) {
    const name = waiting.pop();
    if (needed.has(name)) continue;
    needed.add(name);
    waiting.push(...inputsOf(byName.get(name) ?? {}));
  }
  return needed;
}
