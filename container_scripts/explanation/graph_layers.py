"""What an engineer calls the layers of a detector's graph, of its thousands of nodes, and what lies between them.

    layers = find_layers(detector.session.graph, detector.session.run)
    layers[3]["name"], layers[3]["node"]     # ".../expand/Relu6", and its FakeQuant: the tensor to look at
    layers[3]["nodes"]                       # every node from the layers before it: what can make it part

The input of the first convolution; each convolution with the bias, batch normalization, activation and FakeQuant after
it; additions, products and concatenations of feature maps, poolings, crops; the raw boxes and scores; the outputs.
Python 3.6 to 3.8, TensorFlow 1.15.
"""

from detection.graph_runtime import OUTPUTS

from explanation.reference_graph import FAKE_QUANT, nudge

CONVOLVING = ("Conv2D", "DepthwiseConv2dNative", "Conv2DBackpropInput", "MatMul")
JOINING = ("Add", "AddV2", "Mul", "Sub", "ConcatV2")
RESAMPLING = ("MaxPool", "AvgPool", "Mean", "CropAndResize", "ResizeBilinear", "ResizeNearestNeighbor")
NORMALIZING = ("BiasAdd", "Add", "AddV2", "Mul", "Sub", "FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")
ACTIVATING = ("Relu", "Relu6", "Elu", "LeakyRelu", "Sigmoid")
QUANTIZING = ("Identity", FAKE_QUANT)
# What stands between the image as it was normalized and the first convolution
BEFORE_THE_FIRST = QUANTIZING + ("Pad", "SpaceToBatchND")
# They read how large a tensor is, not what it holds
SIZING = ("Shape", "Size", "Rank", "ZerosLike")
RAW_ENDS = ("raw_box_encodings", "convert_scores")
FEATURE_MAP = 4


def find_layers(graph, run):
    """Return what artefact.json says of each layer, in the order in which they are computed; the input comes first."""
    return _Layers(graph).describe(run)


class _Layers:
    def __init__(self, graph):
        self._operations = graph.get_operations()
        self._places = {operation.name: place for place, operation in enumerate(self._operations)}
        self._by_name = {operation.name: operation for operation in self._operations}
        self._depths = self._find_depths()
        self._input = self._find_first(graph).inputs[0].op
        while self._input.type in BEFORE_THE_FIRST:
            self._input = self._input.inputs[0].op
        self._moving = self._find_moving(self._input)
        # {the node whose output is looked at: the operation that the layer is called after}
        self._ends = {self._input.name: (self._input, "INPUT")}
        for operation in self._operations:
            if self._is_layer(operation):
                named, end = self._find_end(operation)
                self._ends.setdefault(end.name, (named, operation.type))
        self._ends.update({name: (graph.get_operation_by_name(name), "OUTPUT") for name in OUTPUTS})

    def _find_depths(self):
        """Return in how many loops each node is: what is in one cannot be looked at from outside."""
        depths = {operation.name: int(operation.type == "Enter") for operation in self._operations}
        waiting = [operation for operation in self._operations if operation.type == "Enter"]
        while waiting:
            operation = waiting.pop()
            readers = [reader for tensor in operation.outputs for reader in tensor.consumers()]
            for reader in readers + list(operation._control_outputs):
                depth = depths[operation.name] + (reader.type == "Enter") - (reader.type == "Exit")
                if depth > depths[reader.name]:
                    depths[reader.name] = depth
                    waiting.append(reader)
        return depths

    def _find_first(self, graph):
        """Find the first convolution: none is before it."""
        moving = self._find_moving(graph.get_operation_by_name("image_tensor"))
        first, waiting, seen = None, [graph.get_operation_by_name(OUTPUTS[0])], set()
        while waiting:
            operation = waiting.pop()
            if operation.type in CONVOLVING and operation.name in moving:
                first, waiting, seen = operation, [], set()
            for before in operation.inputs:
                if before.op.name not in seen and operation.type not in SIZING:
                    seen.add(before.op.name)
                    waiting.append(before.op)
        return first

    def _find_moving(self, source):
        """Return the names of what changes with the values of a node; loops lead back to nodes before."""
        moving, waiting = {source.name}, [source]
        while waiting:
            readers = [reader for tensor in waiting.pop().outputs for reader in tensor.consumers()]
            for reader in readers:
                if reader.name not in moving and reader.type not in SIZING:
                    moving.add(reader.name)
                    waiting.append(reader)
        return moving

    def _is_layer(self, operation):
        if operation.name not in self._moving or operation.name == self._input.name or self._depths[operation.name]:
            return False
        if operation.type in CONVOLVING or operation.name.rsplit("/", 1)[-1] in RAW_ENDS:
            return True
        if not operation.outputs or operation.outputs[0].shape.ndims != FEATURE_MAP:
            return False
        return operation.type in RESAMPLING or (operation.type in JOINING and self._count_moving(operation) > 1)

    def _count_moving(self, operation):
        return sum(tensor.op.name in self._moving for tensor in operation.inputs)

    def _find_end(self, operation):
        """Follow what else is done to a layer before anyone reads it; return what names it, and what is looked at."""
        followed = QUANTIZING if operation.type == "ConcatV2" else QUANTIZING + NORMALIZING + ACTIVATING
        named = end = last = operation
        while True:
            readers = {one.name: one for one in last.outputs[0].consumers() if one.name in self._moving}
            if len(readers) != 1 or last.name.rsplit("/", 1)[-1] in RAW_ENDS:
                return named, end
            (last,) = readers.values()
            is_own = last.type in followed and self._count_moving(last) == 1 and last.name not in OUTPUTS
            if not is_own or last.name.rsplit("/", 1)[-1] in RAW_ENDS:
                return named, end
            if last.type not in QUANTIZING:
                named = last
            if last.type != "Identity":
                end = last

    def describe(self, run):
        """Return the layers; `run` computes the ranges of their FakeQuants."""
        looks = {name: self._look_back(self._by_name[name]) for name in self._ends}
        names = self._sort({name: before for name, (before, _) in looks.items()})
        numbers = {name: number for number, name in enumerate(names)}
        layers = []
        for name in names:
            operation = self._by_name[name]
            named, operator = self._ends[name]
            before, nodes = looks[name]
            shape = operation.outputs[0].shape
            low = high = None
            if operation.type == FAKE_QUANT:
                low, high = nudge(*run(list(operation.inputs[1:3])))
            layers.append({
                "tensor": numbers[name], "name": named.name, "operator": operator,
                "inputs": sorted(numbers[one] for one in before), "weights": None, "weights_name": None,
                "shape": None if shape.ndims is None else shape.as_list(), "step": 0, "zero_point": 0,
                "low": low, "high": high, "node": name, "nodes": nodes,
            })  # fmt: skip
        return layers

    def _sort(self, before):
        """Sort layers so that each comes after those that it reads; a graph that was loaded is in no such order."""
        waiting, names = sorted(before, key=self._places.get), []
        while waiting:
            name = next(one for one in waiting if before[one].issubset(names))
            waiting.remove(name)
            names.append(name)
        return names

    def _look_back(self, operation):
        """Return the ends of the nearest layers before a node, and the names of the nodes from there to it."""
        before, between, waiting = set(), {operation.name}, list(operation.inputs)
        while waiting:
            one = waiting.pop().op
            if one.name in self._ends:
                before.add(one.name)
            elif one.name not in between:
                between.add(one.name)
                if one.type not in SIZING:
                    waiting += one.inputs
        return before, sorted(between, key=self._places.get)
